import type { AuthRoutes } from './auth-routes.js';
import type { SessionLedger, Use } from './ledger/session-ledger.js';
import { noteAt } from './tabs/note.js';

/**
 * A session that the user has left before the server could be told. Scripts cannot remove the cookie, and the next page
 * must not restore the session. So its id is noted; empty if it was not known.
 */
export interface UnfinishedSignOut {
  isDue(): boolean;
  note(sessionId: string | undefined): void;
  /** A user has signed in since. */
  cancel(): void;
  /** Tells the server. @throws AuthClientError if it could not be told */
  finish(): Promise<void>;
}

export function unfinishedSignOut(
  name: string,
  hasCookie: boolean,
  routes: AuthRoutes,
  ledger: SessionLedger,
  clearSignedOut: () => Promise<void>,
): UnfinishedSignOut {
  const left = noteAt(name);
  return {
    isDue: () => left.read() != null,
    note: (sessionId = '') => left.write(sessionId),
    cancel: () => left.remove(),
    async finish() {
      const session = await ledger.read().catch(() => undefined);
      // A tab hears late of what another has done. Then the cookie may belong to a session that has begun since.
      const session_id = left.read();
      try {
        if (session || hasCookie) {
          await routes.insist(() => routes.post('logout', { ...credentialsOf(session), session_id }));
        }
        left.remove();
      } finally {
        await clearSignedOut();
        if (!hasCookie) left.remove();
      }
    },
  };
}

export function credentialsOf(session: Partial<Use> | undefined): object {
  return { refresh_token: session?.refreshToken, client_nonce: session?.clientNonce };
}
