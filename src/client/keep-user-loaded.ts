import type { AuthClient } from './auth-client.js';
import type { AuthClientError } from './auth-client-error.js';
import { UNAVAILABLE } from './client-errors.js';
import { platform } from './platform.js';
import type { AuthChange } from './session-state.js';

/** Milliseconds between an attempt without an answer and the next one. */
const RETRY = 10_000;
/** The changes after which the server may describe the user differently. All others would only ask in vain. */
const NEWS = new Set<AuthChange['type']>(['restored', 'signed_in', 'refreshed']);

/**
 * Keeps `client.state.user` loaded, for a page that shows it: asks for the user now, after each change of the session, and
 * again 10 seconds after an attempt without an answer. A hidden page waits until it is visible. All who ask share one
 * request. The hooks of `nestjs-refresh-token/react` use it.
 *
 * @returns a function that stops it
 * @example
 * const stop = keepUserLoaded(client);
 * client.subscribe(() => show(client.state.user));
 */
export function keepUserLoaded(client: AuthClient<unknown>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let { status } = client.state;

  const later = (milliseconds: number) => {
    clearTimeout(timer);
    if (!isOver) timer = setTimeout(loadIfVisible, milliseconds);
  };
  const load = async () => {
    clearTimeout(timer);
    try {
      await client.user();
      // For example, the store of a locked device.
      if (client.state.status === 'unknown') later(RETRY);
    } catch (error) {
      const { code, status, retryAfter = 0 } = error as AuthClientError;
      // A user who may not refresh from a place may move. Whatever else is wrong ends with a change of the session.
      if (code === UNAVAILABLE || status === 403) later(Math.max(RETRY, retryAfter));
    }
  };
  // A forgotten tab does not keep a session alive.
  const loadIfVisible = () => (platform.document?.hidden ? later(RETRY) : void load());

  const stopChanges = client.onChange(({ type }) => {
    if (NEWS.has(type)) void load();
  });
  // A session that was known can be in doubt, for example after the browser's "back".
  const stopStates = client.subscribe(() => {
    const before = status;
    status = client.state.status;
    if (status === 'unknown' && before !== 'unknown') void load();
  });
  void load();
  return () => {
    isOver = true;
    clearTimeout(timer);
    stopChanges();
    stopStates();
  };
}
