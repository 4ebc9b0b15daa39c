import { platform } from './platform.js';
import type { SessionKeeper } from './session-keeper.js';

/** Milliseconds. Timers stand still while the machine sleeps: none is longer than this. */
const LONGEST_TIMER = 30_000;
const SHORTEST_TIMER = 100;
/** Milliseconds after which a renewal that has failed is tried again. */
const RETRY = 10_000;

/**
 * Renews the token before it expires: by timers, and when a page wakes up. A page that nobody looks at renews it only when
 * it is used, so that a forgotten tab does not keep a session alive.
 *
 * @returns the function that ends it
 */
export function stayFresh(keeper: SessionKeeper): () => void {
  const { state } = keeper;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const plan = (milliseconds: number) => {
    clearTimeout(timer);
    timer = setTimeout(check, Math.min(Math.max(milliseconds, SHORTEST_TIMER), LONGEST_TIMER));
    // A process of Node.js need not stay for it.
    (timer as { unref?: () => void }).unref?.();
  };
  const check = () => {
    const { token, age } = state;
    if (!token) return clearTimeout(timer);
    if (age!.untilDue() > 0) return plan(age!.untilDue());
    plan(RETRY * (1 + Math.random()));
    if (!platform.document?.hidden) keeper.renew(token).catch(() => undefined);
  };
  const wake = () => {
    keeper.catchUp().catch(() => undefined);
    check();
  };

  state.listeners.add(check);
  const over = new AbortController();
  const { signal } = over;
  for (const event of ['online', 'pageshow', 'focus', 'visibilitychange']) {
    platform.addEventListener?.(event, wake, { signal });
  }
  return () => {
    clearTimeout(timer);
    state.listeners.delete(check);
    over.abort();
  };
}
