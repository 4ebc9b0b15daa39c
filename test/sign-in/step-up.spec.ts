import { Controller, Get, Logger, UseGuards } from '@nestjs/common';
import { StepUp, JwtAuthGuard, StepUpService } from 'nestjs-refresh-token';
import { ImpossibleTravel, type GeoIpProvider, type RiskRule, TooFrequent } from 'nestjs-refresh-token/risk';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { inCountry } from '../support/signals.js';
import {
  adapters,
  type AuthApp,
  type AuthSetup,
  createAuthApp,
  createAuthContext,
  HostUsers,
} from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type AuthBody, bearer, cookieHeader, login, refresh, refreshCookie, send } from '../support/http.js';

@Controller('account')
@UseGuards(JwtAuthGuard)
class AccountController {
  @Get('settings')
  @StepUp('5m')
  settings() {
    return { ok: true };
  }
}

@Controller('routes')
class RoutesController {
  @Get('right')
  @StepUp('5m')
  @UseGuards(JwtAuthGuard)
  right() {
    return { ok: true };
  }

  @Get('wrong')
  @UseGuards(JwtAuthGuard)
  @StepUp('5m')
  wrong() {
    return { ok: true };
  }
}

const GERMANY = { 'x-forwarded-for': '192.0.2.1' };
const AUSTRALIA = { 'x-forwarded-for': '192.0.2.4' };
const geoIp: GeoIpProvider = {
  locate: (ip) => ({ '192.0.2.1': inCountry('DE'), '192.0.2.4': inCountry('AU') })[ip] ?? null,
};
const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };
const MINUTE = 60_000;

const setup: AuthSetup = {
  controllers: [AccountController, RoutesController],
  options: { risk: { geoIp, rules: [new ImpossibleTravel(), new TooFrequent({ moreThan: 3, verdict: 'step_up' })] } },
};

describe.each(adapters)('stepping up, on %s', (adapter) => {
  let host: AuthApp;
  beforeAll(async () => {
    host = await createAuthApp(adapter, await databaseNamed('sqljs').create(), { ...setup, trustProxy: 'loopback' });
  });
  afterAll(() => host.close());

  const stepUp = (body: object, headers: Record<string, string> = AUSTRALIA) =>
    send<AuthBody>('POST', `${host.url}/auth/step-up`, { headers, body });
  const travelled = async (credentials: typeof ALICE | { transport: 'cookie' } = ALICE) => {
    const signedIn = await login(host.url, { ...ALICE, ...credentials }, GERMANY);
    host.clock.advance(1000);
    return signedIn;
  };

  it('is asked for in a form that programs read, and the token is as good as before', async () => {
    const { body } = await travelled();
    const answer = await refresh(host.url, body.refresh_token, AUSTRALIA);
    expect(answer).toMatchObject({ status: 401, body: { error: 'step_up_required' } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await refresh(host.url, body.refresh_token, GERMANY)).status).toBe(200);
  });

  it('by the password: the same token works from then on, with one successor', async () => {
    const { body } = await travelled();
    expect((await refresh(host.url, body.refresh_token, AUSTRALIA)).status).toBe(401);
    const stepped = await stepUp({ password: 'alice-password', refresh_token: body.refresh_token });
    expect(stepped).toMatchObject({ status: 200, body: { session_id: body.session_id, token_type: 'Bearer' } });
    const again = await refresh(host.url, body.refresh_token, AUSTRALIA);
    expect(again).toMatchObject({ status: 200, body: { refresh_token: stepped.body.refresh_token } });
    expect((await refresh(host.url, stepped.body.refresh_token, AUSTRALIA)).status).toBe(200);
    expect(host.events.map(({ type }) => type)).toContain('step_up_passed');
  });

  it('again, after a lost response, gives the same successor', async () => {
    const { body } = await travelled();
    const request = { password: 'alice-password', refresh_token: body.refresh_token };
    const [lost, retried] = [await stepUp(request), await stepUp(request)];
    expect(retried.body.refresh_token).toBe(lost.body.refresh_token);
    expect((await refresh(host.url, retried.body.refresh_token, AUSTRALIA)).status).toBe(200);
  });

  it('with a token that another tab has just refreshed goes on from its successor', async () => {
    const { body } = await travelled();
    const other = await refresh(host.url, body.refresh_token, GERMANY);
    const stepped = await stepUp({ password: 'alice-password', refresh_token: body.refresh_token });
    expect(stepped.body.refresh_token).toBe(other.body.refresh_token);
    // The same token works after it, and nobody is taken for a thief.
    const again = await refresh(host.url, body.refresh_token, AUSTRALIA);
    expect([again.status, again.body.refresh_token]).toEqual([200, other.body.refresh_token]);
    expect((await refresh(host.url, other.body.refresh_token, AUSTRALIA)).status).toBe(200);
  });

  it('after a response that was lost, by the token that was asked for it: the same token works', async () => {
    const { body } = await travelled();
    await refresh(host.url, body.refresh_token, GERMANY); // its answer is lost
    expect((await refresh(host.url, body.refresh_token, AUSTRALIA)).status).toBe(401);
    const stepped = await stepUp({ password: 'alice-password', refresh_token: body.refresh_token });
    expect(stepped.status).toBe(200);
    expect((await refresh(host.url, body.refresh_token, AUSTRALIA)).body.refresh_token).toBe(
      stepped.body.refresh_token,
    );
    expect((await refresh(host.url, stepped.body.refresh_token, AUSTRALIA)).status).toBe(200);
  });

  it('fails by a wrong password, and by a dead or foreign token; nothing is consumed', async () => {
    const { body } = await travelled();
    const wrong = await stepUp({ password: 'bob-password', refresh_token: body.refresh_token });
    expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } });
    expect(host.events.at(-1)).toMatchObject({ type: 'step_up_failed', sessionId: body.session_id });
    for (const bad of [undefined, 1, '', 'x'.repeat(2000)]) {
      expect((await stepUp({ password: bad, refresh_token: body.refresh_token })).status).toBe(400);
    }
    expect((await stepUp({ password: 'alice-password' })).status).toBe(400);
    expect(await stepUp({ password: 'alice-password', refresh_token: 'nrt_forged' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_grant' },
    });
    await send('POST', `${host.url}/auth/logout`, { body: { refresh_token: body.refresh_token } });
    const dead = await stepUp({ password: 'alice-password', refresh_token: body.refresh_token });
    expect(dead).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
  });

  it('keeps the transport: a cookie is answered by a cookie', async () => {
    const signedIn = await travelled({ transport: 'cookie' });
    const headers = { ...AUSTRALIA, ...cookieHeader(refreshCookie(signedIn)!) };
    const stepped = await stepUp({ password: 'alice-password' }, headers);
    expect(stepped.status).toBe(200);
    expect(stepped.body).not.toHaveProperty('refresh_token');
    expect(refreshCookie(stepped)).toMatch(/^nrt_/);
    const foreign = await stepUp({ password: 'alice-password' }, { ...headers, 'sec-fetch-site': 'cross-site' });
    expect(foreign.status).toBe(403);
  });

  it('begins a new window for what is too frequent', async () => {
    let { refresh_token: token } = (await login(host.url, ALICE, GERMANY)).body;
    for (let count = 0; count < 3; count++) token = (await refresh(host.url, token, GERMANY)).body.refresh_token;
    expect(await refresh(host.url, token, GERMANY)).toMatchObject({ status: 401, body: { error: 'step_up_required' } });
    const stepped = await stepUp({ password: 'alice-password', refresh_token: token }, GERMANY);
    expect((await refresh(host.url, stepped.body.refresh_token, GERMANY)).status).toBe(200);
  });

  it('is asked for by @StepUp above the guard of the route; below it everybody is refused, and the log says why', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    onTestFinished(() => warn.mockRestore());
    const { body } = await travelled();
    const headers = bearer(body.access_token);
    expect((await send('GET', `${host.url}/routes/right`, { headers })).status).toBe(200);
    for (let time = 0; time < 2; time++) {
      expect((await send('GET', `${host.url}/routes/wrong`, { headers })).status).toBe(401);
    }
    const lines = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('StepUpGuard'));
    expect(lines).toEqual([expect.stringContaining('write @StepUp() above @UseGuards(JwtAuthGuard)')]);
  });

  it('makes auth_time new, which a refresh keeps, and which @StepUp asks for', async () => {
    const authTimeOf = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).auth_time;
    const settings = (token: string) => send('GET', `${host.url}/account/settings`, { headers: bearer(token) });
    const { body } = await login(host.url, ALICE, GERMANY);
    const loginTime = Math.floor(host.clock.now() / 1000);
    expect(authTimeOf(body.access_token)).toBe(loginTime);
    expect((await settings(body.access_token)).status).toBe(200);

    host.clock.advance(6 * MINUTE);
    const refreshed = (await refresh(host.url, body.refresh_token, GERMANY)).body;
    expect(authTimeOf(refreshed.access_token)).toBe(loginTime);
    const stale = await settings(refreshed.access_token);
    expect(stale.status).toBe(401);
    expect(stale.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_user_authentication", max_age="300"',
    );

    const stepped = (await stepUp({ password: 'alice-password', refresh_token: refreshed.refresh_token }, GERMANY))
      .body;
    expect(authTimeOf(stepped.access_token)).toBe(loginTime + 360);
    expect((await settings(stepped.access_token)).status).toBe(200);
    expect((await send('GET', `${host.url}/account/settings`)).status).toBe(401);
  });
});

describe('a host without a way to authenticate again', () => {
  const incapable = new HostUsers();
  (incapable as Partial<HostUsers>).reauthenticate = undefined;

  it('is told at boot, where a rule would ask for it', async () => {
    const asking = { options: setup.options, users: incapable };
    await expect(createAuthContext(await databaseNamed('sqljs').create(), asking)).rejects.toThrow(
      'userProvider has no reauthenticate',
    );
  });

  it.each<[string, AuthSetup['options']]>([
    ['GeoIP', { risk: { onGeoIpFailure: 'step_up' } }],
    ['a rule that fails', { risk: { onRuleFailure: 'step_up' } }],
    ['the end of a session', { refreshToken: { stepUpToEndSessions: '10m' } }],
    ['a device', { binding: { fingerprint: { signals: { a: () => '' }, onMismatch: 'step_up' } } }],
  ])('is told at boot, where %s could ask for it', async (_, options) => {
    await expect(
      createAuthContext(await databaseNamed('sqljs').create(), { options, users: incapable }),
    ).rejects.toThrow('userProvider has no reauthenticate');
  });

  it.each(adapters)(
    'has users sign in again where a rule of its own asks for it; nothing is consumed, on %s',
    async (adapter) => {
      let asks = true;
      const rules: RiskRule[] = [{ reason: 'mine', judge: () => (asks ? 'step_up' : undefined) }];
      const host = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
        options: { risk: { rules } },
        users: incapable,
      });
      onTestFinished(() => host.close());
      const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      onTestFinished(() => warn.mockRestore());
      const again = {
        status: 401,
        body: { error: 'invalid_grant', error_description: expect.stringContaining('Sign in again') },
      };
      const inBody = (await login(host.url, ALICE)).body.refresh_token;
      const inCookie = cookieHeader(refreshCookie(await login(host.url, { ...ALICE, transport: 'cookie' }))!);
      for (let time = 0; time < 2; time++) {
        expect(await refresh(host.url, inBody)).toMatchObject(again);
        const refused = await refresh(host.url, undefined, inCookie);
        expect(refused).toMatchObject(again);
        expect(refused.headers.getSetCookie()).toEqual([]);
      }
      expect(host.events.at(-1)).toMatchObject({ type: 'step_up_required', reason: 'mine', alert: true });
      const told = warn.mock.calls
        .map(([line]) => String(line))
        .filter((line) => line.includes('has no reauthenticate'));
      expect(told).toEqual([expect.stringContaining('mine')]);

      asks = false;
      expect((await refresh(host.url, inBody)).status).toBe(200);
      expect((await refresh(host.url, undefined, inCookie)).status).toBe(200);
    },
  );

  it('answers 403 to who steps up all the same', async () => {
    const host = await createAuthContext(await databaseNamed('sqljs').create(), { users: incapable });
    onTestFinished(() => host.close());
    const { refreshToken } = await host.service.issue({ id: 'user-alice', roles: ['user'] });
    await expect(host.module.get(StepUpService).stepUp(refreshToken, 'alice-password')).rejects.toMatchObject({
      code: 'forbidden',
    });
    await host.service.refresh(refreshToken);
  });
});

it('@StepUp refuses an invalid duration', () => {
  expect(() => StepUp('soon')).toThrow('@StepUp() is "soon"');
});
