import { Controller, HttpCode, Post } from '@nestjs/common';
import { AuthRoute } from 'nestjs-refresh-token';
import { AuthThrottlingModule, type AuthThrottlingOptions } from 'nestjs-refresh-token/throttling';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Adapter, adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type Answer, cookiesSet, login, send } from '../support/http.js';

const DEVICE_COOKIE = '__Host-refresh_token_device';
const HOME = { 'x-forwarded-for': '192.0.2.1' };
const right = (username = 'alice') => ({ username, password: `${username}-password`, transport: 'cookie' as const });
const wrong = (username = 'alice') => ({ ...right(username), password: 'guess' });
/** An address of its own for each guess. */
const bot = (index: number) => ({ 'x-forwarded-for': `2001:db8:${index.toString(16)}::1` });

/** A route of a host that sends a code, whoever asks. */
@Controller('login')
class CodeController {
  @Post('code')
  @AuthRoute('login')
  @HttpCode(204)
  send(): void {}
}

async function start(adapter: Adapter, throttling: Partial<AuthThrottlingOptions> = {}): Promise<AuthApp> {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    imports: [AuthThrottlingModule.forRoot({ loginFailures: 3, loginFailuresOfName: 20, ...throttling })],
    controllers: [CodeController],
    trustProxy: 'loopback',
  });
  onTestFinished(() => app.close());
  return app;
}

/** The header field that presents the device cookie of an answer. */
function deviceOf(answer: Answer): { cookie: string } {
  const value = cookiesSet(answer).find(({ name }) => name === DEVICE_COOKIE)?.value;
  return { cookie: `${DEVICE_COOKIE}=${value}` };
}

async function guessFromEverywhere(url: string, count: number, username = 'alice'): Promise<number[]> {
  const guesses = Array.from({ length: count }, (_, index) => login(url, wrong(username), bot(index)));
  return (await Promise.all(guesses)).map(({ status }) => status);
}

describe.each(adapters)('guesses from everywhere, on %s', (adapter) => {
  // 300 machines guess at one account, each once.
  it('are bounded by the name, and the owner still signs in on a known device', async () => {
    const { url, events } = await start(adapter);
    const device = deviceOf(await login(url, right(), HOME));
    const statuses = await guessFromEverywhere(url, 300);
    expect(statuses.filter((status) => status === 401)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(280);
    expect((await login(url, right(), bot(999))).status).toBe(429);
    for (const from of [HOME, bot(1000)]) expect((await login(url, right(), { ...from, ...device })).status).toBe(200);
    // Other accounts are not concerned.
    expect((await login(url, right('bob'), bot(0))).status).toBe(200);
    expect(events.filter(({ type }) => type === 'throttled')).toMatchObject([{ reason: 'login_of_name' }]);
  });

  // An attacker behind the same NAT uses up what the address may fail.
  it('from the owner’s address do not keep a known device out', async () => {
    const { url } = await start(adapter, { loginFailuresOfAddress: 6 });
    const device = deviceOf(await login(url, right(), HOME));
    for (let count = 0; count < 6; count++) await login(url, wrong(`user-${count % 3}`), HOME);
    for (let count = 0; count < 6; count++) await login(url, wrong(), HOME);
    expect((await login(url, right(), HOME)).status).toBe(429);
    expect((await login(url, right(), { ...HOME, ...device })).status).toBe(200);
  });

  // A stolen device cookie brings guesses of its own, but no more than any address has.
  it('with a stolen device cookie have one allowance, wherever they come from', async () => {
    const { url } = await start(adapter);
    const device = deviceOf(await login(url, right(), HOME));
    const guesses = Array.from({ length: 30 }, (_, index) => login(url, wrong(), { ...bot(index), ...device }));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(3);
    expect((await login(url, right(), { ...HOME, ...device })).status).toBe(429);
    expect((await login(url, right(), HOME)).status).toBe(200);
  });

  // A device cookie of the attacker's own account, a changed one, and one of another spelling.
  it('with the device cookie of another account count as those of a stranger', async () => {
    const { url, users } = await start(adapter);
    users.users.set('Alice', { id: 'user-mallory', roles: [] });
    const [own, namesake] = [await login(url, right('bob'), HOME), await login(url, right('Alice'), HOME)];
    const alice = await login(url, right(), HOME);
    await guessFromEverywhere(url, 20);
    const forged = { cookie: deviceOf(alice).cookie.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')) };
    for (const device of [deviceOf(own), deviceOf(namesake), forged, { cookie: `${DEVICE_COOKIE}=x.y` }]) {
      expect((await login(url, right(), { ...HOME, ...device })).status).toBe(429);
    }
  });

  // Someone who knew the password once has signed in again and again, each time as a new device.
  it('with many device cookies are bounded by the name as well', async () => {
    const { url } = await start(adapter);
    const devices = [];
    for (let index = 0; index < 20; index++) devices.push(deviceOf(await login(url, right(), bot(index))));
    const guesses = devices.flatMap((device) => [1, 2, 3].map(() => login(url, wrong(), { ...HOME, ...device })));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(20);
    expect((await login(url, right(), HOME)).status).toBe(200);
  });

  // A page of another site signs the visitor's browser in to accounts of the attacker, to crowd the owner's entry out.
  it('cannot be prepared by a page of another site', async () => {
    const { url } = await start(adapter);
    const device = deviceOf(await login(url, right(), HOME));
    const forced = { ...right('bob'), transport: 'body' as const };
    const answer = await login(url, forced, { ...HOME, ...device, 'sec-fetch-site': 'cross-site' });
    expect(answer.status).toBe(200);
    expect(cookiesSet(answer)).toEqual([]);
  });

  // A route of the host answers anybody, so its answer proves nothing.
  it('get no device cookie from a route of the host', async () => {
    const { url } = await start(adapter);
    const answer = await send('POST', `${url}/login/code`, { headers: HOME, body: { username: 'alice' } });
    expect(answer.status).toBe(204);
    expect(cookiesSet(answer)).toEqual([]);
  });

  it('find a device that several people share', async () => {
    const { url } = await start(adapter);
    let device = deviceOf(await login(url, right('alice'), HOME));
    for (const name of ['bob', 'admin', 'alice'])
      device = deviceOf(await login(url, right(name), { ...HOME, ...device }));
    for (const name of ['alice', 'bob', 'admin']) {
      await guessFromEverywhere(url, 20, name);
      expect((await login(url, right(name), HOME)).status).toBe(429);
      expect((await login(url, right(name), { ...HOME, ...device })).status).toBe(200);
    }
  });

  it('leave no name in the device cookie, which only this server gets', async () => {
    const { url } = await start(adapter);
    const answer = await login(url, right(), HOME);
    const cookie = cookiesSet(answer).find(({ name }) => name === DEVICE_COOKIE);
    expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'strict', path: '/' });
    expect(cookie?.domain).toBeUndefined();
    expect(cookie?.value).toMatch(/^[\w-]{44}$/);
    expect(cookiesSet(await login(url, wrong(), HOME))).toEqual([]);
  });
});
