import { setTimeout as sleep } from 'node:timers/promises';
import { Clock, RevocationFeed } from 'nestjs-refresh-token';
import { beforeAll, expect, it } from 'vitest';
import { type AuthContext, type AuthSetup, ManualClock } from '../support/auth-app.js';
import { newUser, onServers } from '../support/instances.js';
import { MINUTE, SECOND } from '../support/listening.js';
import { StatementProxy } from '../support/statement-proxy.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';

/** Milliseconds by which a busy machine may be late. A read that takes so long counts as an outage of its own. */
const BUSY = 5 * SECOND;
const OUTAGE = 8 * SECOND;

const unreadable = ({ module }: AuthContext, since: number) => module.get(RevocationFeed).unreadableSince(since);
const inLastMinute = (instance: AuthContext) => unreadable(instance, instance.clock.now() - MINUTE);
const readable = ({ module }: AuthContext) =>
  eventually(() => expect(module.get(RevocationFeed).status.stale).toBe(false));

function expectAbout(measured: number, expected: number): void {
  expect(Math.abs(measured - expected)).toBeLessThan(BUSY);
}

onServers(
  'the time in which an instance could not read the table',
  (instances) => {
    const start = async (url: string, clock: Clock): Promise<AuthContext> => {
      const instance = await instances.start({ clock, dataSource: { url } as AuthSetup['dataSource'] });
      instance.module.useLogger(false);
      return instance;
    };

    // It creates the tables.
    beforeAll(async () => void (await instances.start()));

    it.for([
      ['the clock of the module', () => new Clock()],
      ['a clock that stands still', () => new ManualClock()],
    ] as const)('is that of all outages, by %s', async ([, makeClock], { onTestFinished }) => {
      const proxy = await startTcpProxy(instances.database.url!);
      onTestFinished(() => proxy.close());
      const instance = await start(proxy.url, makeClock());
      await sleep(2 * SECOND);
      expectAbout(inLastMinute(instance), 0);

      proxy.cut();
      let cutAt = performance.now();
      await sleep(OUTAGE);
      expectAbout(inLastMinute(instance), performance.now() - cutAt);
      proxy.restore();
      await readable(instance);
      const first = performance.now() - cutAt;
      await sleep(500);
      expectAbout(inLastMinute(instance), first);

      // Of a part of the outage, only that part counts.
      expect(unreadable(instance, instance.clock.now() - SECOND)).toBeLessThanOrEqual(SECOND);
      expect(unreadable(instance, instance.clock.now())).toBe(0);
      expect(unreadable(instance, instance.clock.now() + MINUTE)).toBe(0);

      const before = inLastMinute(instance);
      proxy.cut();
      cutAt = performance.now();
      await sleep(OUTAGE);
      proxy.restore();
      await readable(instance);
      expectAbout(inLastMinute(instance) - before, performance.now() - cutAt);
    });

    it('contains a read that waits for its answer', async ({ onTestFinished }) => {
      const proxy = await StatementProxy.before(instances.database.url!);
      // Then nothing waits any more.
      onTestFinished(() => proxy.close());
      const instance = await start(proxy.urlOf(instances.database.url!), new Clock());
      proxy.hang();
      const hungAt = performance.now();
      for (const wait of [4 * SECOND, 4 * SECOND]) {
        await sleep(wait);
        expectAbout(inLastMinute(instance), performance.now() - hungAt);
      }
      proxy.recover();
      await readable(instance);
      const lasted = performance.now() - hungAt;
      await sleep(500);
      expectAbout(inLastMinute(instance), lasted);
    });

    it('does not contain the pause between two reads', async () => {
      const instance = await instances.start({ options: { revocation: { delay: '10m' } } });
      await sleep(2 * SECOND);
      expect(inLastMinute(instance)).toBe(0);
    });

    it('begins with the first request that fails, although reads are seldom', async ({ onTestFinished }) => {
      const proxy = await startTcpProxy(instances.database.url!);
      onTestFinished(() => proxy.close());
      const instance = await instances.start({
        clock: new Clock(),
        dataSource: { url: proxy.url } as AuthSetup['dataSource'],
        options: { revocation: { delay: '10m' } },
      });
      instance.module.useLogger(false);
      const { refreshToken } = await instance.service.issue(newUser([instance]));
      proxy.cut();
      const cutAt = performance.now();
      await expect(instance.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      await sleep(OUTAGE);
      expectAbout(inLastMinute(instance), performance.now() - cutAt);
      proxy.restore();
      const restoredAt = performance.now();
      await sleep(BUSY + SECOND);
      expectAbout(inLastMinute(instance), restoredAt - cutAt);
      await instance.service.refresh(refreshToken);
    });

    it('ends soon after the database is back, although reads are seldom', async ({ onTestFinished }) => {
      const proxy = await startTcpProxy(instances.database.url!);
      onTestFinished(() => proxy.close());
      const instance = await instances.start({
        clock: new Clock(),
        dataSource: { url: proxy.url } as AuthSetup['dataSource'],
        options: { revocation: { delay: '6s' } },
      });
      instance.module.useLogger(false);
      proxy.cut();
      await eventually(() => expect(inLastMinute(instance)).toBeGreaterThan(SECOND));
      proxy.restore();
      const restoredAt = performance.now();
      const before = inLastMinute(instance);
      await readable(instance);
      expectAbout(inLastMinute(instance), before + performance.now() - restoredAt);
      const lasted = inLastMinute(instance);
      await sleep(2 * SECOND);
      expectAbout(inLastMinute(instance), lasted);
    });
  },
  { concurrent: true },
);
