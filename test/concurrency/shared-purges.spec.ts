import { setTimeout as sleep } from 'node:timers/promises';
import { AuthEventLog } from 'nestjs-refresh-token';
import { expect, it } from 'vitest';
import type { AuthContext, AuthSetup } from '../support/auth-app.js';
import { onServers } from '../support/instances.js';
import { recordStatements } from '../support/recorded-statements.js';
import { eventually } from '../support/eventually.js';

const DAY = 86_400_000;
/** Milliseconds between two purges of an instance. */
const INTERVAL = 400;
const setup: AuthSetup = {
  options: { purge: { interval: `${INTERVAL}ms`, retention: '1d' }, audit: { store: true, retention: '1d' } },
};

/** A purge of an empty table of sessions has one such statement. */
const WALK = /refresh_tokens.* part ORDER BY/s;
/** And this one a purge of events. */
const EVENTS = /^SELECT .*auth_events/s;

onServers('instances that purge by the same interval', (instances) => {
  const dead = async (context: AuthContext) => {
    await context.service.issue({ id: 'user-alice', roles: [] });
    await context.service.revokeAllOfUser('user-alice', 'logout_all');
    context.clock.advance(2 * DAY);
  };
  const count = async ({ dataSource }: AuthContext) =>
    Number((await dataSource.query('SELECT COUNT(*) AS count FROM refresh_tokens'))[0].count);

  it('share the work: one of them reads the table in each interval', async () => {
    const running = [await instances.start(setup), await instances.start(setup), await instances.start(setup)];
    try {
      const startedAt = performance.now();
      const statements = recordStatements(running.map(({ dataSource }) => dataSource));
      await sleep(8 * INTERVAL);
      const recorded = statements.stop();
      // Each of the three timers has fired about eight times.
      const most = Math.ceil((performance.now() - startedAt) / (0.9 * INTERVAL)) + 1;
      for (const purge of [WALK, EVENTS]) {
        const purges = recorded.filter(({ sql }) => purge.test(sql)).length;
        expect(purges).toBeGreaterThan(0);
        expect(purges).toBeLessThanOrEqual(most);
      }
    } finally {
      for (const instance of running) await instance.close();
    }
  });

  it('do it for one that has died', async () => {
    const first = await instances.start(setup);
    await dead(first);
    await eventually(async () => expect(await count(first)).toBe(0));
    await first.close();
    const second = await instances.start(setup);
    await dead(second);
    await eventually(async () => expect(await count(second)).toBe(0));
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
});
