import { beforeAll, describe, expect, test } from 'vitest';
import { ClientHistories } from '../support/client-history.js';
import { listening } from '../support/listening.js';

/** A failure names it. With `HISTORY_SEED` the same histories run again. */
const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.HISTORIES ?? 1_000);
const PROGRESS = 1_000;
/** Milliseconds, for a machine that is busy with other tests. */
const TIMEOUT = 3_600_000;

describe(`the client with a store, in ${RUNS} random histories (seed ${seed})`, () => {
  const app = listening('fastify');
  let histories: ClientHistories;
  beforeAll(async () => {
    histories = await ClientHistories.on(app);
  });

  test(
    'is never signed out and never accused',
    async () => {
      const losses: string[] = [];
      const startedAt = performance.now();
      for (let run = 0; run < RUNS; run++) {
        await histories.run(seed + run).catch((error: Error) => void losses.push(error.message));
        if (run % PROGRESS === PROGRESS - 1) console.log(`${run + 1} histories, lost or accused: ${losses.length}`);
      }
      const seconds = Math.round((performance.now() - startedAt) / 1_000);
      const processor = Math.round(process.cpuUsage().user / 1e6);
      console.log(
        `${RUNS} histories of the client from seed ${seed} in ${seconds} s (${processor} s of the processor), ` +
          `lost or accused: ${losses.length},`,
        histories.count,
      );
      for (const loss of losses.slice(0, 5)) console.log(loss);
      expect(losses).toEqual([]);
    },
    TIMEOUT,
  );
});
