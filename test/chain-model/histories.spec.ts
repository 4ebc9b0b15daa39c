import { describe, expect, it } from 'vitest';
import { FAULTS, honestHistories, INSTANCES, type Series } from './histories.js';
import { DAY, LIMITS, SECOND } from './model.js';
import { theftHistories } from './thefts.js';
import { THIEVES } from './thieves.js';
import type { Faults } from './world.js';

/** `MODEL_SEED=… npx vitest run test/chain-model` runs other histories. */
const SEED = Number(process.env.MODEL_SEED ?? 1);
/** Refreshes of three days. */
const THREE_DAYS = (3 * DAY) / (12 * 60 * SECOND);

function histories(faults: Faults, count: number, more: Partial<Series> = {}) {
  return honestHistories({ faults, histories: count, seed: SEED, uses: THREE_DAYS, ...more });
}

const { ordinary, dense, hell } = FAULTS;

describe('an honest client with a fresh key per use and exact claims', () => {
  it.each<[string, Faults, Partial<Series>]>([
    ['without faults', FAULTS.none, {}],
    ['with lost answers, duplicates, delays, kills and tabs', ordinary, {}],
    ['with many of them, and other requests between read and write', dense, {}],
    ['whose writes fail, or take effect without an answer', { ...dense, failedWrite: 0.05 }, {}],
    ['on processes with a different first secret', dense, { instances: INSTANCES.rotation }],
    ['on processes whose clocks are four seconds apart', ordinary, { instances: INSTANCES.apart(2 * SECOND) }],
    ['on a database whose clock jumps by up to five seconds', { ...ordinary, jump: 5 * SECOND }, {}],
    ['on processes that read up to three seconds old rows', { ...dense, staleFor: 3 * SECOND }, {}],
    ['whose ledger lags its token', { ...dense, lag: 0.1 }, {}],
    ['that uses one key for two tokens', dense, { habits: { reusesKeys: true } }],
    ['whose session is bound to a key', dense, { start: { keyBound: true } }],
  ])('%s is never signed out', (_, faults, more) => {
    expect(histories(faults, 10, more)).toMatchObject({ signedOut: 0, ways: {} });
  });

  it('is not accused when the database loses commits, and is signed out once in a thousand times at most', () => {
    const { signedOut, shared, ways } = histories({ ...hell, race: 0.2 }, 25);
    expect(shared, JSON.stringify(ways)).toBe(0);
    expect(signedOut, JSON.stringify(ways)).toBeLessThanOrEqual(1);
  });
});

describe('a client that makes no claims', () => {
  it.each<[string, Partial<Series>]>([
    ['that sends no keys', { habits: { keyed: false } }],
    ['whose keys are rewritten by a gateway', { habits: { rewritten: true } }],
  ])('%s is never accused of a shared token', (_, more) => {
    const { shared, signedOut } = histories(ordinary, 15, more);
    expect(shared).toBe(0);
    // Late duplicates look like thefts. That is what keys are for.
    expect(signedOut).toBeGreaterThan(0);
  });

  it('is signed out less often with late answers', () => {
    const limits = { ...LIMITS, lateAnswers: { ...LIMITS.lateAnswers, withoutKeys: true } };
    const keyless = { habits: { keyed: false } };
    const { rotations, shared } = histories(ordinary, 15, { ...keyless, limits });
    expect(rotations).toBeGreaterThan(histories(ordinary, 15, keyless).rotations);
    expect(shared).toBe(0);
  });

  it('is never signed out without faults', () => {
    expect(histories(FAULTS.none, 10, { habits: { keyed: false } })).toMatchObject({ signedOut: 0 });
  });
});

const SETTINGS: Record<string, Omit<Series, 'histories' | 'seed' | 'uses'>> = {
  'without faults': { faults: FAULTS.none },
  'with ordinary faults': { faults: ordinary },
  'with many faults and races': { faults: dense },
  'with lost commits': { faults: hell },
  'on processes whose clocks are apart': { faults: ordinary, instances: INSTANCES.apart(2 * SECOND) },
  'on processes with a different first secret': { faults: ordinary, instances: INSTANCES.rotation },
  'in a session that is bound to a key': { faults: dense, start: { keyBound: true } },
};

describe('a thief ends the session at the second completed refresh of the owner at the latest', () => {
  describe.each(Object.entries(THIEVES))('%s', (_, thief) => {
    it.each(Object.entries(SETTINGS))('%s', (_, setting) => {
      expect(theftHistories({ ...setting, thief }, 12, SEED).broken).toEqual([]);
    });
  });

  it('and without the key of a bound session a thief is given nothing', () => {
    const thief = { within: 20 * 60 * SECOND, unbound: true };
    const { thefts } = theftHistories({ faults: dense, start: { keyBound: true }, thief }, 60, SEED);
    expect(thefts).toBe(0);
  });
});
