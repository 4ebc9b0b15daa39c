import { HOUR, LIMITS, SECOND } from './model.js';
import { Owner, type OwnerHabits } from './owner.js';
import { Thief, type ThiefHabits } from './thieves.js';
import { World, type WorldOptions } from './world.js';

export interface Theft {
  readonly seed: number;
  /** Whether the thief was given a token without the ledger of the owner, after which no commit was lost. */
  readonly counts: boolean;
  readonly ended: boolean;
  readonly reason: string | null;
  /** How often the owner was given a token after that. The rest of the window does not count. */
  readonly completed: number;
  /** How many requests the owner made after that, with those that were superseded. */
  readonly requests: number;
  /** For how long the owner was superseded, in milliseconds. */
  readonly lockedOut: number;
}

/** The most refreshes that bring the owner a token after a theft. The next one ends the session. */
export const MOST_COMPLETED = 1;
/** The most milliseconds for which the owner is superseded: the rest of one window, a retry, and clocks that differ. */
export const LONGEST_LOCKOUT = LIMITS.grace + 10 * SECOND;

export interface TheftOptions extends WorldOptions {
  readonly thief: ThiefHabits;
  readonly habits?: OwnerHabits;
}

/** The history of an owner and a thief, until the promise is kept or broken. */
export function theftHistory({ thief: habits, habits: ownerHabits, ...options }: TheftOptions): Theft {
  const world = new World(options);
  const owner = new Owner(world, ownerHabits);
  let requests = 0;
  let completed = 0;
  let counted = false;
  let supersededSince: number | undefined;
  let lockedOut = 0;
  const thief = new Thief(world, owner, habits, () => world.trace(() => 'from now on the promise holds'));
  const sinceTheft = () => thief.answeredAt !== undefined;
  owner.watch = {
    begun: () => (counted = sinceTheft() && world.now >= thief.answeredAt! + LIMITS.grace),
    sent: () => {
      if (sinceTheft()) requests++;
    },
    completed: () => {
      supersededSince = undefined;
      if (counted) completed++;
    },
    superseded: () => {
      supersededSince ??= world.now;
      lockedOut = Math.max(lockedOut, world.now - supersededSince);
    },
  };
  owner.start();
  world.in(world.random.below(4 * HOUR), () => thief.steal());

  const overdue = () => completed > MOST_COMPLETED || lockedOut > LONGEST_LOCKOUT;
  world.run(() => world.ended || owner.loss !== undefined || overdue() || owner.completed > MOST_USES);
  const { revokedAt, revokedReason: reason } = world.store.row;
  const counts = sinceTheft() && world.rolledBackAt < thief.answeredAt!;
  return { seed: options.seed, counts, ended: revokedAt !== null, reason, completed, requests, lockedOut };
}

/** A thief that was never answered is not waited for any longer. */
const MOST_USES = 300;

export interface TheftCount {
  thefts: number;
  /** Histories that break the promise. */
  readonly broken: number[];
  readonly shared: number;
  readonly reuse: number;
  readonly median: number;
  readonly worst: number;
}

export function theftHistories(options: Omit<TheftOptions, 'seed'>, histories: number, seed: number): TheftCount {
  const all: Theft[] = [];
  for (let index = 0; index < histories; index++) all.push(theftHistory({ ...options, seed: seed + index }));
  const counting = all.filter(({ counts }) => counts);
  const requests = counting.map((one) => one.requests).sort((a, b) => a - b);
  return {
    thefts: counting.length,
    broken: counting.filter(({ ended }) => !ended).map((one) => one.seed),
    shared: counting.filter(({ reason }) => reason === 'token_shared').length,
    reuse: counting.filter(({ reason }) => reason === 'reuse_detected').length,
    median: requests[requests.length >> 1] ?? 0,
    worst: requests.at(-1) ?? 0,
  };
}

export function toldTheft(options: Omit<TheftOptions, 'trace'>): string[] {
  const lines: string[] = [];
  theftHistory({ ...options, trace: (line) => void lines.push(line) });
  return lines;
}
