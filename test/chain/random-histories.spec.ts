import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { ManualClock } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { histories, runHistory, type Service } from '../support/history.js';
import { Instances } from '../support/instances.js';

const OLD = 'old-secret-Zp2vQ7mB4nT8wL1cR6yH3jF5kX9s';
const NEW = 'new-secret-4nT8wL1cR6yH3jF5kX9sZp2vQ7mB';

/** A failure names it. With `HISTORY_SEED` the same histories run again. */
const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.HISTORIES ?? 250);

describe('an honest client with keys', () => {
  const database = new Instances(databaseNamed('postgres'));
  const clock = new ManualClock();
  const service: Service = { instances: [], clock };
  beforeAll(async () => {
    await database.open();
    for (const secret of [[OLD, NEW], [OLD, NEW], [NEW, OLD]]) {
      service.instances.push(await database.listen({ clock, options: { secret } }));
    }
  });
  afterAll(() => database.close());

  test(`is never signed out and never accused, in ${RUNS} random histories (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(histories, (history) => runHistory(service, history)),
      { numRuns: RUNS, seed },
    );
  }, 300_000);
});
