import type { AuthClient } from '../auth-client.js';
import type { AuthClientError } from '../auth-client-error.js';
import { platform } from '../platform.js';
import type { AuthChange } from '../session-state.js';

/** Milliseconds between an attempt without an answer and the next one. */
const RETRY = 10_000;
/** The changes after which the server may describe the user differently. All others would only ask in vain. */
const NEWS = new Set<AuthChange['type']>(['restored', 'signed_in', 'refreshed']);

/**
 * Asks for the user now, and again after each change of the session. All who ask share one request, and an answer is in
 * `client.state` as soon as it is there.
 *
 * @returns a function that stops it
 */
export function keepUserLoaded(client: AuthClient): () => void {
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
      const { code, retryAfter = 0 } = error as AuthClientError;
      // Whatever else is wrong ends with a change of the session.
      if (code === 'temporarily_unavailable') later(Math.max(RETRY, retryAfter));
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
