import { platform } from './platform.js';
import type { SessionKeeper } from './session-keeper.js';

/** The longest timer in milliseconds. Timers stop while the machine sleeps, so a long one would fire late. */
const LONGEST_TIMER = 30_000;
const SHORTEST_TIMER = 100;
/** Milliseconds between a failed renewal and the next attempt. */
const RETRY = 10_000;

/**
 * Renews the token before it expires: by timers, and when a page wakes up. A hidden page renews it only on use, so that
 * a forgotten tab does not keep a session alive.
 *
 * @returns a function that stops the renewals
 */
export function stayFresh(keeper: SessionKeeper): () => void {
  const { state } = keeper;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const plan = (milliseconds: number) => {
    clearTimeout(timer);
    timer = setTimeout(check, Math.min(Math.max(milliseconds, SHORTEST_TIMER), LONGEST_TIMER));
    // The timer must not keep a Node.js process alive.
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
