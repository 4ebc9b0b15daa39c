import type { AccessToken } from './access-token.js';
import type { AuthClientError } from './auth-client-error.js';
import type { AuthRoutes } from './auth-routes.js';
import type { SessionLedger, Use } from './ledger/session-ledger.js';
import { noteAt } from './tabs/note.js';

/**
 * A session that the user has left before the server could be told. Scripts cannot remove the cookie, and the next page
 * must not restore the session. So its id is noted; empty if it was not known.
 */
export interface UnfinishedSignOut {
  isDue(): boolean;
  /** Whether it is known which session was left: then a different one is not ended by it. */
  isKnown(): boolean;
  note(left: { sessionId: string | undefined; token: AccessToken | null | undefined }): void;
  /** A user has signed in since. */
  cancel(): void;
  /** Tells the server, if it has not been told. @throws AuthClientError if it could not be told */
  finish: () => Promise<void>;
}

export function unfinishedSignOut(
  name: string,
  hasCookie: boolean,
  routes: AuthRoutes,
  ledger: SessionLedger,
  clearSignedOut: (sessionId: string | undefined) => Promise<void>,
): UnfinishedSignOut {
  const left = noteAt(name);
  const isDue = () => left.read() != null;
  /** It ends the session if the store has that of somebody else by now, or cannot be read. */
  let lastToken: AccessToken | undefined;
  return {
    isDue,
    isKnown: () => !!left.read(),
    note({ sessionId = '', token }) {
      left.write(sessionId);
      lastToken = token ?? undefined;
    },
    cancel: () => left.remove(),
    async finish() {
      if (!isDue()) return;
      let unreadable: AuthClientError | undefined;
      const found = await ledger.read().catch((error: AuthClientError) => void (unreadable = error));
      // A tab hears late of what another has done. Then the cookie may belong to a session that has begun since.
      const session_id = left.read();
      const isOther = !hasCookie && !!session_id && found?.sessionId !== undefined && found.sessionId !== session_id;
      const session = isOther ? undefined : found || undefined;
      const token = session || hasCookie ? undefined : lastToken;
      try {
        if (session || hasCookie || token) {
          await routes.insist(() => routes.post('logout', { ...credentialsOf(session), session_id }, token));
        } else if (unreadable) throw unreadable;
        left.remove();
      } finally {
        await clearSignedOut(session_id || undefined);
        if (!hasCookie && !unreadable) left.remove();
      }
    },
  };
}

export function credentialsOf(session: Partial<Use> | undefined): object {
  return { refresh_token: session?.refreshToken, client_nonce: session?.clientNonce };
}
