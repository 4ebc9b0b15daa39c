import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { Service, signIn } from '../support/demo-service.js';
import { DAY, HOUR, MINUTE, SECOND } from '../support/listening.js';
import { expectNothingLost, Population, print } from '../support/population.js';
import { withClockAhead, withSettableClock, wrongClocksAvailable } from '../support/wrong-clock.js';

/** Milliseconds: a busy machine takes this long from a request to the row. */
const BUSY = 5 * SECOND;
const ACCESS_TTL = 15 * MINUTE;

/** The clock of the database decides over sessions and access tokens, so no wrong clock of an instance ends one. */
describe.skipIf(!wrongClocksAvailable)('instances whose clocks are wrong', () => {
  it('lose no session, each with another clock', async () => {
    await onService(
      [5 * SECOND, MINUTE, HOUR, -DAY].map((ahead) => withClockAhead(ahead / SECOND)),
      'clocks +5 s, +60 s, +1 h and -1 d',
      () => sleep(15 * SECOND),
    );
  }, 400_000);

  it('lose no session if a clock is set while they run', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clock-'));
    const file = join(folder, 'clock');
    const set = (ahead: number) => writeFileSync(file, `${ahead < 0 ? '' : '+'}${ahead / SECOND}s\n`);
    try {
      set(0);
      await onService([withSettableClock(file), {}, {}], 'a clock that jumps +1 h, -1 d and back', async () => {
        for (const ahead of [HOUR, -DAY, 0]) {
          set(ahead);
          await sleep(6 * SECOND);
        }
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 400_000);
});

/** Starts an instance with each of these clocks, and causes the fault while many clients use them. */
async function onService(
  clocks: readonly Record<string, string>[],
  title: string,
  cause: () => Promise<unknown>,
): Promise<void> {
  const startedAt = Date.now();
  const service = new Service({ title, database: 'postgres', redis: false, delay: '1s' });
  let dataSource: DataSource | undefined;
  try {
    await service.start(0);
    dataSource = await new DataSource(service.database.options([], [])).initialize();
    const demos = [];
    for (const clock of clocks) demos.push(await service.launch(clock));
    const population = await Population.signIn(demos.map(({ url }) => url));
    population.start();
    await sleep(3 * SECOND);
    population.faultBegins();
    await cause();
    for (const demo of demos) {
      const { accessToken } = await signIn(demo, 'alice');
      const { iat = 0, exp = 0 } = decodeJwt(accessToken);
      expect(Math.abs(iat * SECOND - Date.now()), 'iat').toBeLessThan(BUSY);
      expect((exp - iat) * SECOND, 'the lifetime').toBe(ACCESS_TTL);
    }
    population.faultEnds();
    const report = await population.finish(dataSource);
    print(title, report);
    expectNothingLost(report);
    await expectRowsBetween(dataSource, startedAt - BUSY, Date.now() + BUSY);
  } finally {
    await dataSource?.destroy();
    await service.stop();
  }
}

async function expectRowsBetween(dataSource: DataSource, from: number, to: number): Promise<void> {
  const [times] = await dataSource.query(
    `SELECT min(created_at) AS first_created, max(created_at) AS last_created, min(last_used_at) AS first_used,
            max(last_used_at) AS last_used, max(window_started_at) AS last_window, max(revoked_at) AS last_revoked
     FROM refresh_tokens`,
  );
  for (const [name, time] of Object.entries(times as object)) {
    expect(Number(time), name).toBeGreaterThan(from);
    expect(Number(time), name).toBeLessThan(to);
  }
}
