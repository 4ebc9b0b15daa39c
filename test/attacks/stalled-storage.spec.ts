import { AuthThrottlingModule, redisThrottlerStorage } from 'nestjs-refresh-token/throttling';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { adapters, type Adapter, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { login } from '../support/http.js';
import { HOUR, MINUTE } from '../support/listening.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const redisUrl = inject('redisUrl');
/** As long as Redis is not asked again after a failure. */
const PAUSE = 5_000;
const right = (username = 'alice') => ({ username, password: `${username}-password`, transport: 'body' as const });
const wrong = (username = 'alice') => ({ ...right(username), password: 'guess' });

async function start(adapter: Adapter, url: string, prefix: string, per = '1m'): Promise<AuthApp> {
  const storage = redisThrottlerStorage({ url, prefix });
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    imports: [AuthThrottlingModule.forRoot({ loginFailures: 3, per, storage })],
  });
  onTestFinished(() => app.close());
  return app;
}

async function guess({ url }: AuthApp, count: number, username?: string): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index++) statuses.push((await login(url, wrong(username))).status);
  return statuses;
}

describe.each(adapters)('guesses while Redis is away, on %s', (adapter) => {
  const prefix = () => `test:${crypto.randomUUID()}:`;

  it('are counted by the instance, from its start', async () => {
    const app = await start(adapter, `redis://127.0.0.1:${await freePort()}`, prefix());
    expect(await guess(app, 5)).toEqual([401, 401, 401, 429, 429]);
    expect((await login(app.url, right())).status).toBe(429);
    expect((await login(app.url, right('bob'))).status).toBe(200);
    expect(app.events.filter(({ type }) => type === 'throttled')).toHaveLength(1);
    app.clock.advance(61_000);
    expect((await login(app.url, right())).status).toBe(200);
  });

  it('are blocked for no longer than others, if they come slowly', async () => {
    const app = await start(adapter, `redis://127.0.0.1:${await freePort()}`, prefix());
    for (let count = 0; count < 6; count++) {
      expect(await guess(app, 1)).toEqual([401]);
      app.clock.advance(31_000);
    }
  });

  it.skipIf(redisUrl === undefined)('block nobody for longer when Redis is back', async () => {
    const proxy = await startTcpProxy(redisUrl!);
    onTestFinished(() => proxy.close());
    const shared = prefix();
    const [app, other] = [await start(adapter, proxy.url, shared, '1h'), await start(adapter, redisUrl!, shared, '1h')];
    proxy.cut();
    expect(await guess(app, 4)).toEqual([401, 401, 401, 429]);
    app.clock.advance(HOUR - 5 * MINUTE);
    proxy.restore();
    // Not so often that the failures are too old before the client is connected again.
    const refused = await eventually(
      async () => {
        app.clock.advance(PAUSE);
        await login(app.url, right('admin'));
        const answer = await login(other.url, right());
        expect(answer.status).toBe(429);
        return answer;
      },
      { interval: 250 },
    );
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(300);
  });

  // The attacker makes Redis stall again and again, for example by its own requests to another part of the application.
  it.skipIf(redisUrl === undefined).each(['cut', 'strand'] as const)(
    'are told to the others afterwards, so that no outage brings more guesses (%s)',
    async (fault) => {
      const proxy = await startTcpProxy(redisUrl!);
      onTestFinished(() => proxy.close());
      const shared = prefix();
      const [app, other] = [
        await start(adapter, proxy.url, shared, '1h'),
        await start(adapter, redisUrl!, shared, '1h'),
      ];
      expect(await guess(app, 1)).toEqual([401]);
      proxy[fault]();
      expect(await guess(app, 3)).toEqual([401, 401, 429]);
      expect(await guess(app, 2, 'bob')).toEqual([401, 401]);
      proxy.cut();
      proxy.restore();
      await expect
        .poll(async () => {
          app.clock.advance(PAUSE);
          await login(app.url, right('admin'));
          return (await login(other.url, right())).status;
        })
        .toBe(429);
      expect(await guess(other, 2, 'bob')).toEqual([401, 429]);
    },
  );
});
