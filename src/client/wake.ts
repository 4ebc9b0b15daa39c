import { platform } from './platform.js';
import type { SessionKeeper } from './session-keeper.js';
import { LONGEST_TIMER, RENEWAL_RETRY, SHORTEST_TIMER } from './times.js';

const EVENTS = ['online', 'pageshow', 'focus', 'visibilitychange'];

/** The timers and listeners that keep a token fresh. */
export interface Waking {
  /** Stops the timers, or wakes up: for platforms that do not say when the application is in the background. */
  setActive(active: boolean): void;
  stop(): void;
}

/**
 * Renews the token before it expires: by timers, and when a page wakes up. A hidden page renews it only on use, so that
 * a forgotten tab does not keep a session alive.
 */
export function stayFresh(keeper: SessionKeeper): Waking {
  const { state } = keeper;
  let isActive = true;
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const plan = (milliseconds: number) => {
    clearTimeout(timer);
    timer = setTimeout(check, Math.min(Math.max(milliseconds, SHORTEST_TIMER), LONGEST_TIMER));
    // The timer must not keep a Node.js process alive.
    (timer as { unref?: () => void }).unref?.();
  };
  const check = () => {
    const { token, age } = state;
    if (!token || !isActive) return clearTimeout(timer);
    if (age!.untilDue() > 0) return plan(age!.untilDue());
    plan(RENEWAL_RETRY * (1 + Math.random()));
    if (!platform.document?.hidden) keeper.renew(token).catch(() => undefined);
  };
  const wake = ({ persisted }: { persisted?: boolean }) => {
    // The page was in the back/forward cache, where it heard nothing of sign-ins and sign-outs.
    if (persisted) state.doubt();
    keeper.catchUp().catch(() => undefined);
    check();
  };

  state.listeners.add(check);
  for (const event of EVENTS) platform.addEventListener?.(event, wake);
  return {
    setActive(active) {
      isActive = active && !isStopped;
      if (isActive) wake({});
      else clearTimeout(timer);
    },
    stop() {
      isStopped = true;
      isActive = false;
      clearTimeout(timer);
      state.listeners.delete(check);
      for (const event of EVENTS) platform.removeEventListener?.(event, wake);
    },
  };
}
