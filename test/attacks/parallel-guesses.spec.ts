import type { INestApplication } from '@nestjs/common';
import {
  AuthThrottlingModule,
  type AuthThrottlingOptions,
  redisThrottlerStorage,
} from 'nestjs-refresh-token/throttling';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { adapters, type Adapter, type AuthApp, createAuthApp, HostUsers } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type Answer, type AuthBody, login, refresh, send } from '../support/http.js';

const redisUrl = inject('redisUrl');
const LIMITS = { loginFailures: 10, stepUpFailures: 5, refreshFailures: 30 };
const RIGHT = { username: 'alice', password: 'alice-password', transport: 'body' as const };

/** Users whose passwords take a while to check, as by a slow hash. */
class SlowUsers extends HostUsers {
  checked = 0;
  delay = () => new Promise<void>((resolve) => setTimeout(resolve, 50));

  override validateCredentials = async (username: string, password: string) => {
    await this.check();
    return (password === `${username}-password` && this.users.get(username)) || null;
  };

  override reauthenticate = async (_id: string, password: string) => {
    await this.check();
    return password === 'alice-password' ? this.users.get('alice')! : null;
  };

  private async check(): Promise<void> {
    this.checked++;
    await this.delay();
  }
}

async function start(
  adapter: Adapter,
  throttling: Partial<AuthThrottlingOptions> = {},
  database?: TestDatabase,
  options: object = {},
): Promise<AuthApp & { users: SlowUsers; app: INestApplication }> {
  const app = await createAuthApp(adapter, database ?? (await databaseNamed('sqljs').create()), {
    users: new SlowUsers(),
    imports: [AuthThrottlingModule.forRoot({ ...LIMITS, ...throttling })],
    trustProxy: 'loopback',
    // So that nothing but the throttling holds guesses back.
    options: { concurrentPasswordChecks: 1_000, ...options },
  });
  onTestFinished(() => app.close());
  return app as AuthApp & { users: SlowUsers };
}

/** The password is among the guesses, at its place. */
function guesses(count: number, right: number): string[] {
  return Array.from({ length: count }, (_, index) => (index === right ? RIGHT.password : `guess-${index}`));
}

const statuses = (answers: Answer[]) => answers.map(({ status }) => status);
const countOf = (answers: Answer[], status: number) => statuses(answers).filter((one) => one === status).length;

describe.each(adapters)('parallel guesses, on %s', (adapter) => {
  // 300 guesses at one account arrive together, before one of them has failed.
  it('at a password are evaluated as often as guesses one after another', async () => {
    const { url, users } = await start(adapter);
    const answers = await Promise.all(guesses(300, 200).map((password) => login(url, { ...RIGHT, password })));
    expect(countOf(answers, 401)).toBe(10);
    expect(countOf(answers, 429)).toBe(290);
    expect(users.checked).toBe(10);
  });

  // The attacker waits for the 503 of a slow check, and has the next one begun, while the first is still computed.
  it('at a password whose check outlives its answer are evaluated no more often', async () => {
    const { url, users } = await start(adapter, { loginFailures: 3 }, undefined, { userProviderTimeout: '300ms' });
    let settle = () => {};
    const settled = new Promise<void>((resolve) => (settle = resolve));
    users.delay = () => settled;
    const answers = Array.from({ length: 3 }, () => login(url, { ...RIGHT, password: 'guess' }));
    expect(statuses(await Promise.all(answers))).toEqual([503, 503, 503]);
    const others = Array.from({ length: 10 }, () => login(url, RIGHT));
    settle();
    expect(new Set(statuses(await Promise.all(others)))).toEqual(new Set([429]));
    expect(users.checked).toBe(3);
  });

  // The same with a stolen refresh token, at the step-up.
  it('at the password of a stolen session are evaluated as often as guesses one after another', async () => {
    const { url, users } = await start(adapter);
    const { refresh_token } = (await login(url, RIGHT)).body;
    users.checked = 0;
    const answers = await Promise.all(
      guesses(300, 200).map((password) =>
        send<AuthBody>('POST', `${url}/auth/step-up`, { body: { password, refresh_token } }),
      ),
    );
    expect(countOf(answers, 401)).toBe(5);
    expect(countOf(answers, 429)).toBe(295);
    expect(users.checked).toBe(5);
  });

  // Forged refresh tokens, and the token of a dead session.
  it('with refresh tokens are evaluated as often as guesses one after another', async () => {
    const { url, events } = await start(adapter);
    const forged = await Promise.all(Array.from({ length: 100 }, () => refresh(url, `nrt_${'A'.repeat(128)}`)));
    expect(countOf(forged, 401)).toBe(30);
    const { access_token, refresh_token } = (await login(url, RIGHT)).body;
    await send('POST', `${url}/auth/logout`, { headers: { authorization: `Bearer ${access_token}` } });
    const dead = await Promise.all(Array.from({ length: 100 }, () => refresh(url, refresh_token)));
    expect(countOf(dead, 401)).toBe(30);
    expect(events.filter(({ type }) => type === 'refresh_denied')).toHaveLength(60);
  });

  // Each guess hangs up while its password is checked, so that its place might be free too early.
  it('that hang up are evaluated no more often', async () => {
    const { url, users } = await start(adapter);
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    users.delay = () => released;
    for (let wave = 0; wave < 3; wave++) {
      const hangUp = new AbortController();
      const sent = guesses(50, 30).map((password) =>
        send('POST', `${url}/auth/login`, { body: { ...RIGHT, password }, signal: hangUp.signal }).catch(
          () => undefined,
        ),
      );
      await expect.poll(() => users.checked).toBe(10);
      hangUp.abort();
      await Promise.all(sent);
    }
    release();
    expect((await login(url, RIGHT)).status).toBe(429);
    expect(users.checked).toBe(10);
  });

  it('do not keep an honest user from signing in a hundred times at once', async () => {
    const { url } = await start(adapter);
    const answers = await Promise.all(Array.from({ length: 100 }, () => login(url, RIGHT)));
    expect(new Set(statuses(answers))).toEqual(new Set([200]));
  });

  it('do not keep a hundred tabs from refreshing together', async () => {
    const { url } = await start(adapter);
    const { refresh_token } = (await login(url, RIGHT)).body;
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(url, refresh_token)));
    expect(new Set(statuses(answers))).toEqual(new Set([200]));
  });
});

describe.skipIf(redisUrl === undefined)('parallel guesses on two instances that count in Redis', () => {
  const startTwo = async () => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const storage = () => redisThrottlerStorage({ url: redisUrl!, prefix });
    const prefix = `test:${crypto.randomUUID()}:`;
    return [
      await start('express', { storage: storage() }, database),
      await start('fastify', { storage: storage() }, database),
    ];
  };

  // 300 guesses, half of them at each instance.
  it('at a password are evaluated as often as guesses at one', async () => {
    const both = await startTwo();
    const answers = await Promise.all(
      guesses(300, 201).map((password, index) => login(both[index % 2].url, { ...RIGHT, password })),
    );
    expect(countOf(answers, 401)).toBe(10);
    expect(countOf(answers, 429)).toBe(290);
    expect(both[0].users.checked + both[1].users.checked).toBe(10);
  });

  // 300 guesses at the step-up of a stolen session, half of them at each instance.
  it('at the password of a stolen session are evaluated as often as guesses at one', async () => {
    const both = await startTwo();
    const { refresh_token } = (await login(both[0].url, RIGHT)).body;
    const answers = await Promise.all(
      guesses(300, 201).map((password, index) =>
        send<AuthBody>('POST', `${both[index % 2].url}/auth/step-up`, { body: { password, refresh_token } }),
      ),
    );
    expect(countOf(answers, 401)).toBe(5);
    expect(countOf(answers, 429)).toBe(295);
  });

  it('do not keep honest users from signing in and refreshing a hundred times at once', async () => {
    const both = await startTwo();
    const logins = await Promise.all(Array.from({ length: 100 }, (_, index) => login(both[index % 2].url, RIGHT)));
    expect(new Set(statuses(logins))).toEqual(new Set([200]));
    const { refresh_token } = logins[0].body;
    const tabs = Array.from({ length: 100 }, (_, index) => refresh(both[index % 2].url, refresh_token));
    expect(new Set(statuses(await Promise.all(tabs)))).toEqual(new Set([200]));
  });
});
