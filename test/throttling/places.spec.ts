import { Controller, type NestInterceptor, Post, UnauthorizedException } from '@nestjs/common';
import { ThrottlerStorage, ThrottlerStorageService } from '@nestjs/throttler';
import { AuthRoute } from 'nestjs-refresh-token';
import { AuthThrottlingModule, type AuthThrottlingOptions } from 'nestjs-refresh-token/throttling';
import { timeout } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Adapter, adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { AttemptsUnderWay } from '../../src/integrations/throttling/attempts-under-way.js';
import { login, refresh, send } from '../support/http.js';

const RIGHT = { username: 'alice', password: 'alice-password', transport: 'body' as const };
const WRONG = { ...RIGHT, password: 'guess' };

@Controller('login')
class CodeController {
  answer = Promise.resolve();
  begun = 0;

  @Post('code')
  @AuthRoute('login')
  async login(): Promise<never> {
    this.begun++;
    await this.answer;
    throw new UnauthorizedException();
  }
}

async function appWith(
  adapter: Adapter,
  throttling: Partial<AuthThrottlingOptions> = {},
  ...interceptors: NestInterceptor[]
): Promise<AuthApp> {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    imports: [AuthThrottlingModule.forRoot({ loginFailures: 1, refreshFailures: 1, stepUpFailures: 1, ...throttling })],
    controllers: [CodeController],
    configure: (app) => app.useGlobalInterceptors(...interceptors),
  });
  onTestFinished(() => app.close());
  return app;
}

/** A promise that the test resolves. */
function gate(): { passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

afterEach(() => void vi.useRealTimers());

describe.each(adapters)('the place of an attempt, on %s', (adapter) => {
  it('is free again if a guard refuses the request', async () => {
    const { url } = await appWith(adapter);
    const { refresh_token } = (await login(url, RIGHT)).body;
    const cookie = { cookie: `__Host-refresh_token=${refresh_token}`, 'sec-fetch-site': 'cross-site' };
    for (let count = 0; count < 3; count++) {
      expect((await refresh(url, undefined, cookie)).status).toBe(403);
      expect((await refresh(url)).status).toBe(400);
      expect((await send('POST', `${url}/auth/login`, { body: { username: 'alice' } })).status).toBe(400);
    }
    expect((await refresh(url, refresh_token)).status).toBe(200);
    expect((await login(url, RIGHT)).status).toBe(200);
  });

  it('stays taken while the password is checked, even if the host has given up', async () => {
    const { url, users } = await appWith(
      adapter,
      {},
      {
        intercept: (_context, next) => next.handle().pipe(timeout(50)),
      },
    );
    const { passed, open } = gate();
    const validate = users.validateCredentials;
    let checked = 0;
    users.validateCredentials = async (username, password) => {
      checked++;
      await passed;
      return validate(username, password);
    };
    expect((await login(url, WRONG)).status).toBeGreaterThanOrEqual(500);
    const next = login(url, RIGHT);
    open();
    expect((await next).status).toBe(429);
    expect(checked).toBe(1);
  });

  it('stays taken on a route of the host until that ends, even if its client hangs up', async () => {
    const { url, app } = await appWith(adapter);
    const { passed, open } = gate();
    const codes = app.get(CodeController);
    codes.answer = passed;
    const hangUp = new AbortController();
    const body = { username: 'alice' };
    const sent = send('POST', `${url}/login/code`, { body, signal: hangUp.signal }).catch(() => 'hung up');
    await expect.poll(() => codes.begun).toBe(1);
    hangUp.abort();
    expect(await sent).toBe('hung up');
    const second = send('POST', `${url}/login/code`, { body });
    open();
    expect((await second).status).toBe(429);
    expect(codes.begun).toBe(1);
  });

  it('is waited for by attempts of the same name only', async () => {
    const { url, users } = await appWith(adapter);
    const { passed, open } = gate();
    const validate = users.validateCredentials;
    users.validateCredentials = async (username, password) => {
      if (username === 'alice') await passed;
      return validate(username, password);
    };
    const both = [login(url, RIGHT), login(url, RIGHT)];
    expect((await login(url, { ...RIGHT, username: 'bob', password: 'bob-password' })).status).toBe(200);
    open();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('is counted by each instance with a storage that knows only failures', async () => {
    const storage = new ThrottlerStorageService();
    onTestFinished(() => storage.onApplicationShutdown());
    const { url } = await appWith(adapter, {
      loginFailures: 3,
      storage: { increment: storage.increment.bind(storage) },
    });
    const guesses = await Promise.all(Array.from({ length: 30 }, () => login(url, WRONG)));
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(3);
    expect((await login(url, RIGHT)).status).toBe(429);
  });
});

it('failures leave nothing in memory when their time is over', async () => {
  const { url, module } = await appWith('express', { per: '1s' });
  const { storage } = module.get<ThrottlerStorageService>(ThrottlerStorage, { strict: false });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  for (const username of ['alice', 'bob', 'carol']) await login(url, { ...WRONG, username });
  // One for each name at this address, one for each name, and one for the address.
  expect(storage.size).toBe(7);
  vi.advanceTimersByTime(120_000);
  expect(storage.size).toBe(0);
});

describe('attempts under way', () => {
  it('get their places in turn, and leave nothing behind', async () => {
    const underWay = new AttemptsUnderWay();
    const order: number[] = [];
    const attempt = async (index: number) => {
      while (!underWay.take('k', 3)) await underWay.wait('k', 10_000);
      order.push(index);
      await new Promise(setImmediate);
      underWay.free('k');
    };
    await Promise.all(Array.from({ length: 3_000 }, (_, index) => attempt(index)));
    expect(order).toEqual(order.toSorted((one, other) => one - other));
    expect(order).toHaveLength(3_000);
    expect(underWay['keys'].size).toBe(0);
  });

  it('wait no longer than they may, and are woken together', async () => {
    const underWay = new AttemptsUnderWay();
    underWay.take('k', 1);
    await underWay.wait('k', 1);
    const waiting = Promise.all([underWay.wait('k', 60_000), underWay.wait('k', 60_000)]);
    underWay.wakeAll('k');
    await waiting;
    underWay.free('k');
    expect(underWay['keys'].size).toBe(0);
  });
});
