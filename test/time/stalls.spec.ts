import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { StallWatch } from '../../src/auth/common/time/stall-watch.js';
import { createAuthContext } from '../support/auth-app.js';
import { Child } from '../support/child-process.js';
import { databaseNamed } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

const PROGRAM = fileURLToPath(new URL('../support/stall.program.ts', import.meta.url));
/** Milliseconds that a busy machine adds. */
const BUSY = 1_000;
/** Milliseconds within which a stall is over: 1.5 s, and what a busy machine adds. */
const OVER = 10_000;

async function startWatch(): Promise<StallWatch> {
  const context = await createAuthContext(await databaseNamed('sqljs').create());
  onTestFinished(() => context.close());
  const watch = context.module.get(StallWatch, { strict: false });
  await over(watch); // the start of the application may have been a stall
  return watch;
}

const over = (watch: StallWatch) => eventually(() => expect(watch.lag()).toBe(0), { limit: OVER });

/** Keeps the event loop from doing anything else. */
function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

it('a request that is read after a stall may have arrived when the stall began', async () => {
  const watch = await startWatch();
  const startedAt = performance.now();
  block(2_000);
  const read = () => ({ lag: watch.lag(), since: performance.now() - startedAt });
  for (const { lag, since } of [read(), await sleep(200).then(read), await sleep(500).then(read)]) {
    expect(lag).toBeGreaterThanOrEqual(Math.floor(since) - 1);
    expect(lag).toBeLessThan(since + BUSY);
  }
  await over(watch);
});

it('a second stall before all has been read counts as the same', async () => {
  const watch = await startWatch();
  const startedAt = performance.now();
  block(1_300);
  await sleep(200);
  block(1_300);
  expect(watch.lag()).toBeGreaterThanOrEqual(Math.floor(performance.now() - startedAt) - 1);
  await over(watch);
});

// Someone with an old token keeps the process busy until its owner has refreshed, to be answered within the window.
it('a process that was busy for long counts the last five seconds only', async () => {
  const watch = await startWatch();
  block(4_000);
  await sleep(200);
  block(4_000);
  expect(watch.lag()).toBeLessThanOrEqual(5_000 + BUSY);
  await over(watch);
});

it('a short pause is not a stall', async () => {
  const watch = await startWatch();
  block(300);
  expect(watch.lag()).toBe(0);
  await sleep(200);
  expect(watch.lag()).toBe(0);
});

it('a process that was stopped notices it', async () => {
  const child = new Child(PROGRAM);
  expect(await child.receive()).toBe('ready');
  const overThere = () =>
    eventually(
      async () => {
        child.send('lag');
        expect(await child.receive<number>()).toBe(0);
      },
      { limit: OVER, interval: 100 },
    );
  await overThere();

  process.kill(child.pid, 'SIGSTOP');
  const startedAt = performance.now();
  await sleep(300);
  child.send('lag'); // arrives while the process is stopped
  await sleep(2_500);
  process.kill(child.pid, 'SIGCONT');
  const lag = await child.receive<number>();
  expect(lag).toBeGreaterThan(2_500);
  expect(lag).toBeLessThan(performance.now() - startedAt + BUSY);
  await overThere();
});
