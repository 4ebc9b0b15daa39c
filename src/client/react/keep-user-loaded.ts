import type { AuthClient } from '../auth-client.js';
import type { AuthClientError } from '../auth-client-error.js';
import type { AuthChange } from '../session-state.js';
import { platform } from '../platform.js';

/** Milliseconds between an attempt that failed and the next one. */
const RETRY = 10_000;
/** The changes after which the server may describe the user differently. All others would only ask in vain. */
const NEWS = new Set<AuthChange['type']>(['restored', 'signed_in', 'refreshed']);

/**
 * Asks for the user now, and again after each change of the session. All who ask share one request, and an answer is in
 * `client.state` as soon as it is there.
 *
 * @returns a function that stops it
 */
export function keepUserLoaded(client: AuthClient<unknown>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const later = (milliseconds: number) => {
    clearTimeout(timer);
    timer = setTimeout(loadIfVisible, milliseconds);
  };
  const load = () => {
    clearTimeout(timer);
    client.user().catch(({ code, retryAfter = 0 }: AuthClientError) => {
      // Whatever else is wrong ends with a change of the session.
      if (code === 'temporarily_unavailable' && !isOver) later(Math.max(RETRY, retryAfter));
    });
  };
  // A forgotten tab does not keep a session alive.
  const loadIfVisible = () => (platform.document?.hidden ? later(RETRY) : load());

  const unsubscribe = client.onChange(({ type }) => {
    if (NEWS.has(type)) load();
  });
  load();
  return () => {
    isOver = true;
    clearTimeout(timer);
    unsubscribe();
  };
}
