import { Clock, RevocationFeed } from 'nestjs-refresh-token';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type AuthContext, ManualClock } from '../support/auth-app.js';
import { onServers } from '../support/instances.js';
import { MINUTE, SECOND } from '../support/listening.js';
import { StatementProxy } from '../support/statement-proxy.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** Milliseconds by which a busy machine may be late. */
const BUSY = 2 * SECOND;
const OUTAGE = 3 * SECOND;
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const unreadable = ({ module }: AuthContext, since: number) => module.get(RevocationFeed).unreadableSince(since);
const readable = (instance: AuthContext) =>
  vi.waitFor(() => expect(instance.module.get(RevocationFeed).status.stale).toBe(false), 10_000);

function expectAbout(measured: number, expected: number): void {
  expect(measured).toBeGreaterThan(expected - SECOND);
  expect(measured).toBeLessThan(expected + BUSY);
}

onServers('the time in which an instance could not read the table', (instances) => {
  describe.each([
    ['the clock of the module', () => new Clock()],
    ['a clock that stands still', () => new ManualClock()],
  ])('by %s', (_, makeClock) => {
    let proxy: TcpProxy;
    let instance: AuthContext;
    beforeAll(async () => {
      proxy = await startTcpProxy(instances.database.url!);
      instance = await instances.start({ clock: makeClock(), dataSource: { url: proxy.url } as object });
      return () => proxy.close();
    });
    const minuteAgo = () => instance.clock.now() - MINUTE;

    it('is zero while it can', async () => {
      await sleep(2 * SECOND);
      expect(unreadable(instance, minuteAgo())).toBe(0);
    });

    it('grows while the database is away, and then stays', { timeout: 60_000 }, async () => {
      proxy.cut();
      const cutAt = performance.now();
      await sleep(OUTAGE);
      expectAbout(unreadable(instance, minuteAgo()), performance.now() - cutAt);
      proxy.restore();
      await readable(instance);
      const lasted = performance.now() - cutAt;
      await sleep(500);
      expectAbout(unreadable(instance, minuteAgo()), lasted);

      // Of a part of the outage, only that part counts.
      const [all, atEnd] = [minuteAgo(), instance.clock.now() - SECOND];
      expect(unreadable(instance, all)).toBeGreaterThan(unreadable(instance, atEnd));
      expect(unreadable(instance, atEnd)).toBeLessThanOrEqual(SECOND);
      await sleep(SECOND);
      expect(unreadable(instance, instance.clock.now() - 500)).toBe(0);
      expect(unreadable(instance, instance.clock.now() + MINUTE)).toBe(0);
    });

    it('adds up over several outages', { timeout: 60_000 }, async () => {
      const before = unreadable(instance, minuteAgo());
      proxy.cut();
      const cutAt = performance.now();
      await sleep(OUTAGE);
      proxy.restore();
      await readable(instance);
      expectAbout(unreadable(instance, minuteAgo()) - before, performance.now() - cutAt);
    });
  });

  it('contains a read that waits for its answer', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const proxy = await StatementProxy.before(instances.database.url!);
    const instance = await instances.start({
      clock: new Clock(),
      dataSource: { url: proxy.urlOf(instances.database.url!) } as object,
    });
    // After the proxy nothing waits any more.
    onTestFinished(() => proxy.close());
    const since = instance.clock.now();
    await sleep(500);
    proxy.hang();
    const hungAt = performance.now();
    await sleep(2 * SECOND);
    expectAbout(unreadable(instance, since), performance.now() - hungAt);
    await sleep(3 * SECOND);
    expectAbout(unreadable(instance, since), performance.now() - hungAt);
    proxy.recover();
    await readable(instance);
    const lasted = performance.now() - hungAt;
    await sleep(500);
    expectAbout(unreadable(instance, since), lasted);
  });

  it('does not contain the pause between two reads', async () => {
    const instance = await instances.start({ options: { revocation: { delay: '10m' } } });
    await sleep(2 * SECOND);
    expect(unreadable(instance, instance.clock.now() - MINUTE)).toBe(0);
  });
});
