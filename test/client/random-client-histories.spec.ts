import { beforeAll, describe, expect, test } from 'vitest';
import { ClientHistories } from '../support/client-history.js';
import { listening } from '../support/listening.js';

/** A failure names it. With `HISTORY_SEED` the same histories run again. */
const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.HISTORIES ?? 300);

describe(`the client with a store, in ${RUNS} random histories (seed ${seed})`, () => {
  const app = listening('fastify');
  let histories: ClientHistories;
  beforeAll(async () => {
    histories = await ClientHistories.on(app);
  });

  test('is never signed out and never accused', async () => {
    const from = performance.now();
    for (let run = 0; run < RUNS; run++) await histories.run(seed + run);
    console.log(JSON.stringify(histories.count), `${Math.round(performance.now() - from)} ms`);
    expect(histories.count.histories).toBe(RUNS);
  });
});
