import { setTimeout as sleep } from 'node:timers/promises';
import { AuthEventLog } from 'nestjs-refresh-token';
import { expect, it, vi } from 'vitest';
import type { AuthContext, AuthSetup } from '../support/auth-app.js';
import { onServers } from '../support/instances.js';
import { recordStatements } from '../support/recorded-statements.js';

const DAY = 86_400_000;
/** Milliseconds between two purges of an instance. */
const INTERVAL = 400;
const setup: AuthSetup = {
  options: { purge: { interval: `${INTERVAL}ms`, retention: '1d' }, audit: { store: true, retention: '1d' } },
};

/** Each purge of sessions that the timer of an instance starts asks for it like this. */
const CLAIM = /^UPDATE .*session_locks/;
/** Each purge ends with this statement, which finds no row. */
const WALK = /refresh_tokens.* part ORDER BY/s;
const EVENTS = /^SELECT .*auth_events/s;

onServers(
  'instances that purge by the same interval',
  (instances) => {
    const dead = async (context: AuthContext) => {
      await context.service.issue({ id: 'user-alice', roles: [] });
      await context.service.revokeAllOfUser('user-alice', 'logout_all');
      context.clock.advance(2 * DAY);
    };
    const count = async ({ dataSource }: AuthContext) =>
      Number((await dataSource.query('SELECT COUNT(*) AS count FROM refresh_tokens'))[0].count);

    it('share the work: one of them reads the table in each interval', { timeout: 60_000 }, async () => {
      const running = [await instances.start(setup), await instances.start(setup), await instances.start(setup)];
      try {
        const statements = recordStatements(running.map(({ dataSource }) => dataSource));
        await sleep(8 * INTERVAL);
        const recorded = statements.stop();
        const number = (pattern: RegExp) => recorded.filter(({ sql }) => pattern.test(sql)).length;
        // Two claims for each tick of a timer: one for the sessions, one for the events.
        const ticks = number(CLAIM) / 2;
        expect(ticks).toBeGreaterThanOrEqual(12);
        for (const purge of [WALK, EVENTS]) {
          expect(number(purge)).toBeGreaterThan(0);
          expect(number(purge)).toBeLessThanOrEqual(ticks / 2);
        }
      } finally {
        for (const instance of running) await instance.close();
      }
    });

    it('do it for one that has died', { timeout: 60_000 }, async () => {
      const first = await instances.start(setup);
      await dead(first);
      await vi.waitFor(async () => expect(await count(first)).toBe(0), { timeout: 20_000 });
      await first.close();
      const second = await instances.start(setup);
      await dead(second);
      await vi.waitFor(async () => expect(await count(second)).toBe(0), { timeout: 20_000 });
      await second.close();
    });

    it('leave a purge that is called by hand alone', async () => {
      const first = await instances.start({
        options: { ...setup.options, purge: { interval: '1h', retention: '1d' } },
      });
      for (let run = 0; run < 2; run++) {
        await dead(first);
        expect(await first.service.purge()).toBe(1);
        await first.module.get(AuthEventLog).purge();
      }
    });
  },
  { concurrent: false },
);
