/** An access token, as the tabs hand it to one another. Times are milliseconds. */
export interface AccessToken {
  readonly value: string;
  readonly type: string;
  readonly sessionId: string;
  readonly lifetime: number;
  /** By the clock of this machine, when the request for it left. */
  readonly obtainedAt: number;
}

/** How much of its life has passed when it is due: somewhere in between, so that tabs do not wake at the same time. */
const DUE_FROM = 0.75;
const DUE_WITHIN = 0.1;
/** Not used in the last moments of its life, as the request takes its time. */
const MARGIN = 0.95;

/** How the token ages, in this tab. */
export interface Ageing {
  /** Milliseconds until it is due to be renewed; negative once it is. */
  untilDue(): number;
  /** Milliseconds that it still lives. */
  left(): number;
  expired(): boolean;
}

/**
 * By two clocks, of which the one that shows more is believed: the monotonic one may stand still while the machine sleeps,
 * the other may be set. To believe a token older than it is costs a refresh; to believe it younger, a refused request.
 */
export function ageing({ lifetime, obtainedAt }: AccessToken): Ageing {
  const age = Math.max(0, Date.now() - obtainedAt);
  const start = performance.now() - age;
  const dueAt = lifetime * (DUE_FROM + DUE_WITHIN * Math.random());
  const passed = () => Math.max(performance.now() - start, Date.now() - obtainedAt);
  return {
    untilDue: () => dueAt - passed(),
    left: () => lifetime - passed(),
    expired: () => passed() >= lifetime * MARGIN,
  };
}
