import type { RefreshLimits } from '../../src/auth/refresh-token/refresh-rule.js';
import { type Instance, RINGS } from './model.js';
import { type Loss, Owner, type OwnerHabits } from './owner.js';
import { type Faults, World, type WorldOptions } from './world.js';

const ORDINARY: Faults = {
  delay: 0.005,
  duplicate: 0.01,
  lostAnswer: 0.01,
  killed: 0.0005,
  tabs: 0.2,
  ownKeys: 0.5,
};

/** Sets of faults, as in the first model of the rule. */
export const FAULTS = {
  none: {},
  ordinary: ORDINARY,
  /** Each fault of `ordinary` as often as a short history needs it. */
  dense: { ...ORDINARY, delay: 0.03, duplicate: 0.08, lostAnswer: 0.08, killed: 0.01, tabs: 0.3, race: 0.3 },
  hell: { rollback: 0.01, delay: 0.03, duplicate: 0.05, lostAnswer: 0.05, killed: 0.0007, tabs: 0.3, ownKeys: 0.5 },
} as const satisfies Record<string, Faults>;

export const INSTANCES = {
  /** The clocks of two processes differ from that of the database. */
  apart: (offset: number): Instance[] => [
    { ring: RINGS.old, offset },
    { ring: RINGS.old, offset: -offset },
  ],
  /** A rolling deployment: one of two processes still makes tokens with the old secret. */
  rotation: [
    { ring: RINGS.old, offset: 0 },
    { ring: RINGS.new, offset: 0 },
  ] satisfies Instance[],
};

export interface Outcome {
  readonly loss: Loss | undefined;
  readonly uses: number;
  readonly generation: number;
  readonly seed: number;
}

/** The history of an owner without a thief. */
export function honestHistory(options: WorldOptions, uses: number, habits?: OwnerHabits): Outcome {
  const world = new World(options);
  const owner = new Owner(world, habits);
  owner.start();
  world.run(() => owner.completed >= uses || owner.loss !== undefined);
  return { loss: owner.loss, uses: owner.completed, generation: world.store.row.generation, seed: options.seed };
}

export interface Count {
  histories: number;
  rotations: number;
  signedOut: number;
  shared: number;
  /** How often each way to lose a session occurred. */
  readonly ways: Record<string, number>;
  /** The seeds of the first losses. */
  readonly seeds: number[];
}

export interface Series {
  readonly faults: Faults;
  readonly histories: number;
  readonly seed: number;
  readonly uses: number;
  readonly instances?: readonly Instance[];
  readonly start?: WorldOptions['start'];
  readonly habits?: OwnerHabits;
  readonly limits?: RefreshLimits;
}

/** Many histories with successive seeds. */
export function honestHistories({ histories, seed, uses, habits, ...options }: Series): Count {
  const count: Count = { histories, rotations: 0, signedOut: 0, shared: 0, ways: {}, seeds: [] };
  for (let index = 0; index < histories; index++) {
    const { loss, generation } = honestHistory({ ...options, seed: seed + index }, uses, habits);
    count.rotations += generation;
    if (!loss) continue;
    count.signedOut++;
    if (loss.reason === 'token_shared') count.shared++;
    const way = `${loss.who}: ${loss.reason}, ${loss.behind} behind`;
    count.ways[way] = (count.ways[way] ?? 0) + 1;
    if (count.seeds.length < 5) count.seeds.push(seed + index);
  }
  return count;
}

/** A history as lines, for a report. */
export function toldHistory(options: Omit<WorldOptions, 'trace'>, uses: number, habits?: OwnerHabits): string[] {
  const lines: string[] = [];
  honestHistory({ ...options, trace: (line) => void lines.push(line) }, uses, habits);
  return lines;
}
