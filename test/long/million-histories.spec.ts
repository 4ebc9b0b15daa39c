import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Count } from '../chain-model/histories.js';
import type { Task } from '../chain-model/honest-histories.program.js';
import { Child } from '../support/child-process.js';

const PROGRAM = fileURLToPath(new URL('../chain-model/honest-histories.program.ts', import.meta.url));

/** `MODEL_HISTORIES` and `MODEL_SEED` choose others. */
const HISTORIES = Number(process.env.MODEL_HISTORIES ?? 1_000_000);
const SEED = Number(process.env.MODEL_SEED ?? Date.now() % 1_000_000_000);
const USES = 20;
const PROCESSES = 2;
/** Histories of one message. */
const BATCH = 5_000;
/** Milliseconds, for a machine that is busy with other tests. */
const TIMEOUT = 1_800_000;

it(
  'signs nobody out in a million histories of careful clients',
  async () => {
    const tasks: Task[] = [];
    for (let from = 0; from < HISTORIES; from += BATCH) {
      tasks.push({ histories: Math.min(BATCH, HISTORIES - from), seed: SEED + from, uses: USES });
    }
    const startedAt = performance.now();
    const counts: Count[] = [];
    const work = async () => {
      const child = new Child(PROGRAM);
      await child.receive();
      for (let task = tasks.pop(); task; task = tasks.pop()) {
        child.send(JSON.stringify(task));
        counts.push(await child.receive<Count>());
      }
    };
    await Promise.all(Array.from({ length: PROCESSES }, work));

    const sum = (of: (count: Count) => number) => counts.reduce((total, count) => total + of(count), 0);
    const [histories, rotations] = [sum((count) => count.histories), sum((count) => count.rotations)];
    const losses = counts.filter(({ signedOut }) => signedOut > 0).map(({ seeds, ways }) => ({ seeds, ways }));
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.log(`${histories} histories from seed ${SEED}: ${rotations} rotations in ${seconds} s, losses:`, losses);
    expect(histories).toBe(HISTORIES);
    expect(losses).toEqual([]);
  },
  TIMEOUT,
);
