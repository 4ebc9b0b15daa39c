import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ManualClock } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import {
  histories,
  historiesWithLosses,
  historiesWithNewSecret,
  type History,
  runHistory,
  type Service,
  type Step,
} from '../support/history.js';
import { Instances, MINUTE } from '../support/instances.js';
import { CAREFUL } from '../support/keyed-client.js';

const OLD = 'old-secret-Zp2vQ7mB4nT8wL1cR6yH3jF5kX9s';
const NEW = 'new-secret-4nT8wL1cR6yH3jF5kX9sZp2vQ7mB';

/** A failure names it. With `HISTORY_SEED` the same histories run again. */
const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.HISTORIES ?? 100);

describe(`an honest client with keys, in ${RUNS} random histories (seed ${seed})`, () => {
  const database = new Instances(databaseNamed('postgres'));
  const clock = new ManualClock();
  const service: Service = { instances: [], clock };
  beforeAll(async () => {
    await database.open();
    for (const secret of [
      [OLD, NEW],
      [OLD, NEW],
      [NEW, OLD],
    ]) {
      service.instances.push(await database.listen({ clock, options: { secret } }));
    }
  });
  afterAll(() => database.close());

  /** @returns how many of the sessions ended */
  async function runAll(histories: fc.Arbitrary<History>): Promise<number> {
    let ended = 0;
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        if (!(await runHistory(service, history))) ended++;
      }),
      { numRuns: RUNS, seed },
    );
    return ended;
  }

  test('is never signed out and never accused', async () => {
    expect(await runAll(histories)).toBe(0);
  }, 300_000);

  test('is never signed out and never accused while the secret changes', async () => {
    expect(await runAll(historiesWithNewSecret)).toBe(0);
  }, 300_000);

  test('is never accused of a shared token while the database loses commits', async () => {
    // A late packet can end the session: nobody knows any more that its use is finished. That is rare.
    expect(await runAll(historiesWithLosses)).toBeLessThan(RUNS / 4);
  }, 300_000);

  describe('a history that a random one has shrunk to', () => {
    const late: Step = { type: 'refresh', server: 0, faults: ['a copy comes later'], sameKey: false };
    const refresh: Step = { type: 'refresh', server: 0, faults: [], sameKey: false };
    const wait: Step = { type: 'wait', milliseconds: 12 * MINUTE };
    const arrive: Step = { type: 'arrive', server: 0 };

    test('a copy of a finished request comes late', async () => {
      expect(await runHistory(service, { habits: CAREFUL, steps: [late, wait, refresh, wait, arrive] })).toBe(true);
    });

    test('a copy of a finished request comes late, after the new secret has begun to sign', async () => {
      const secret: Step = { type: 'rotate the secret' };
      const steps = [late, wait, secret, { ...refresh, server: 1 }, wait, arrive];
      expect(await runHistory(service, { habits: CAREFUL, steps })).toBe(true);
    });

    test('a copy of a finished request comes late, while two instances sign with different secrets', async () => {
      const secret: Step = { type: 'rotate the secret' };
      const steps = [secret, late, wait, { ...refresh, server: 1 }, wait, arrive];
      expect(await runHistory(service, { habits: CAREFUL, steps })).toBe(true);
    });
  });
});
