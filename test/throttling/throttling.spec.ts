import { BadRequestException, Controller, type NestInterceptor, Post, UnauthorizedException } from '@nestjs/common';
import { AuthRoute } from 'nestjs-refresh-token';
import { Geofence, type RiskRule } from 'nestjs-refresh-token/risk';
import {
  AuthThrottlingModule,
  type AuthThrottlingOptions,
  redisThrottlerStorage,
} from 'nestjs-refresh-token/throttling';
import { catchError, EMPTY, of, throwError } from 'rxjs';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { type Adapter, adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type AuthBody, login, refresh, send } from '../support/http.js';

const redisUrl = inject('redisUrl');
const from = (ip: string) => ({ 'x-forwarded-for': ip });
const [VICTIM, ATTACKER] = [from('192.0.2.1'), from('198.51.100.66')];
const limits = { loginFailures: 3, loginFailuresOfAddress: 6, refreshFailures: 3, stepUpFailures: 2, per: '1m' };

async function appWith(
  adapter: Adapter,
  throttling: Partial<AuthThrottlingOptions> = {},
  rules: RiskRule[] = [],
  ...interceptors: NestInterceptor[]
): Promise<AuthApp> {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    options: { risk: { rules } },
    controllers: [CodeController],
    imports: [AuthThrottlingModule.forRoot({ ...limits, ...throttling })],
    trustProxy: 'loopback',
    configure: (app) => app.useGlobalInterceptors(...interceptors),
  });
  onTestFinished(() => app.close());
  return app;
}

/** As a host writes one that knows nothing of the library's errors. */
@Controller('login')
class CodeController {
  @Post('code')
  @AuthRoute('login')
  login(): never {
    throw new UnauthorizedException();
  }
}

const right = (username = 'alice') => ({ username, password: `${username}-password`, transport: 'body' as const });
const wrong = (username = 'alice') => ({ username, password: 'wrong', transport: 'body' as const });

describe.each(adapters)('throttling, on %s', (adapter) => {
  it.each([
    ['another error', catchError(() => throwError(() => new BadRequestException()))],
    ['a value', catchError(() => of({ ok: false }))],
    ['nothing', catchError(() => EMPTY)],
  ])('counts a failure of which an interceptor of the host makes %s', async (_, replace) => {
    const { url } = await appWith(adapter, {}, [], { intercept: (_context, next) => next.handle().pipe(replace) });
    for (let count = 0; count < 3; count++) expect((await login(url, wrong(), ATTACKER)).status).toBe(401);
    expect((await login(url, right(), ATTACKER)).status).toBe(429);
    expect((await login(url, right(), VICTIM)).status).toBe(200);
  });

  it('answers too many failed logins with 429, and says how long to wait', async () => {
    const { url } = await appWith(adapter);
    for (let count = 0; count < 3; count++) expect((await login(url, wrong(), ATTACKER)).status).toBe(401);
    for (const credentials of [wrong(), right()]) {
      const refused = await login(url, credentials, ATTACKER);
      expect(refused).toMatchObject({ status: 429, body: { error: 'too_many_requests' } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      expect(refused.headers.get('cache-control')).toBe('no-store');
    }
  });

  it.each([
    ['an invalid proof', { dpop: 'not.a.jwt' }, 'invalid_dpop_proof'],
    ['an address outside of the fence', from('203.0.113.1'), 'region_not_allowed'],
  ])('counts logins with %s by their address, for each leaves an event', async (_, headers, code) => {
    const { url, events } = await appWith(adapter, {}, [new Geofence({ deny: ['203.0.113.0/24'] })]);
    const codes: string[] = [];
    for (let count = 0; count < 8; count++) {
      codes.push((await login(url, right(), { ...ATTACKER, ...headers })).body.error);
    }
    expect(codes).toEqual([...Array<string>(6).fill(code), 'too_many_requests', 'too_many_requests']);
    expect((await login(url, right(), VICTIM)).status).toBe(200);
    expect(events.map(({ type }) => type).filter((type) => type !== 'throttled' && type !== 'signed_in')).toHaveLength(
      6,
    );
  });

  it('is told once, when it begins, however many attempts follow', async () => {
    const { url, events } = await appWith(adapter);
    for (let count = 0; count < 9; count++) await login(url, wrong(), ATTACKER);
    for (let count = 0; count < 9; count++) await refresh(url, `nrt_${'A'.repeat(128)}`, ATTACKER);
    const { session_id: sessionId, refresh_token } = (await login(url, right(), VICTIM)).body;
    const guess = { headers: ATTACKER, body: { password: 'guess', refresh_token } };
    for (let count = 0; count < 9; count++) await send('POST', `${url}/auth/step-up`, guess);

    const throttled = events.filter(({ type }) => type === 'throttled');
    expect(throttled).toMatchObject([
      { reason: 'login', ip: ATTACKER['x-forwarded-for'] },
      { reason: 'refresh', ip: ATTACKER['x-forwarded-for'] },
      // The sender has a token of the session.
      { reason: 'step_up', ip: ATTACKER['x-forwarded-for'], sessionId, alert: true },
    ]);
    expect(throttled.filter(({ alert }) => alert)).toHaveLength(1);
  });

  it('locks nobody out but the one who fails', async () => {
    const { url } = await appWith(adapter);
    const { body } = await login(url, right(), VICTIM);
    for (let count = 0; count < 10; count++) await login(url, wrong(), ATTACKER);
    for (let count = 0; count < 10; count++) await refresh(url, `nrt_${'A'.repeat(128)}`, ATTACKER);
    expect((await login(url, wrong(), ATTACKER)).status).toBe(429);
    expect((await refresh(url, `nrt_${'A'.repeat(128)}`, ATTACKER)).status).toBe(429);
    expect((await login(url, right(), VICTIM)).status).toBe(200);
    expect((await refresh(url, body.refresh_token, VICTIM)).status).toBe(200);
    // The holder of a token can use it from the same address, too.
    const successor = (await refresh(url, body.refresh_token, ATTACKER)).body.refresh_token;
    expect((await refresh(url, successor, ATTACKER)).status).toBe(200);
  });

  it('counts an address that tries one name after the other', async () => {
    const { url } = await appWith(adapter);
    const statuses: number[] = [];
    for (let count = 0; count < 8; count++) statuses.push((await login(url, wrong(`user-${count}`), ATTACKER)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429, 429]);
    expect((await login(url, right(), VICTIM)).status).toBe(200);
  });

  it('is not deceived by a header that nobody vouches for', async () => {
    const untrusting = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
      imports: [AuthThrottlingModule.forRoot(limits)],
    });
    onTestFinished(() => untrusting.close());
    for (let count = 0; count < 3; count++) await login(untrusting.url, wrong(), from(`203.0.113.${count}`));
    expect((await login(untrusting.url, wrong(), from('203.0.113.9'))).status).toBe(429);
  });

  it('never touches what succeeds: five tabs, and many logins', async () => {
    const { url } = await appWith(adapter);
    const { body } = await login(url, right(), VICTIM);
    const tabs = await Promise.all(Array.from({ length: 5 }, () => refresh(url, body.refresh_token, VICTIM)));
    expect(new Set(tabs.map(({ status }) => status))).toEqual(new Set([200]));
    for (let count = 0; count < 10; count++) expect((await login(url, right(), VICTIM)).status).toBe(200);
  });

  it('stops who guesses the password of a stolen session, from wherever', async () => {
    const { url } = await appWith(adapter);
    const { body } = await login(url, right(), VICTIM);
    const stepUp = (password: string, ip: string) =>
      send<AuthBody>('POST', `${url}/auth/step-up`, {
        headers: from(ip),
        body: { password, refresh_token: body.refresh_token },
      });
    expect((await stepUp('guess', '198.51.100.1')).status).toBe(401);
    expect((await stepUp('guess', '198.51.100.2')).status).toBe(401);
    expect((await stepUp('alice-password', '198.51.100.3')).status).toBe(429);
    expect((await refresh(url, body.refresh_token, VICTIM)).status).toBe(200);
  });

  it('counts on a route of the host’s own what that answers with 401', async () => {
    const { url } = await appWith(adapter);
    const byCode = (username: string) => send('POST', `${url}/login/code`, { headers: ATTACKER, body: { username } });
    for (let count = 0; count < 3; count++) expect((await byCode('alice')).status).toBe(401);
    expect((await byCode('alice')).status).toBe(429);
    expect((await byCode('bob')).status).toBe(401);
  });

  it('does not count a server that fails', async () => {
    const { url, users } = await appWith(adapter);
    const validate = users.validateCredentials;
    users.validateCredentials = () => Promise.reject(new Error('down'));
    for (let count = 0; count < 8; count++) expect((await login(url, right(), VICTIM)).status).toBe(503);
    users.validateCredentials = validate;
    expect((await login(url, right(), VICTIM)).status).toBe(200);
  });
});

describe('counted in Redis', () => {
  it.skipIf(redisUrl === undefined)('the failures of all instances are one sum', async () => {
    const storage = (prefix: string) => redisThrottlerStorage({ url: redisUrl!, prefix });
    const [mine, theirs] = [`test:${crypto.randomUUID()}:`, `test:${crypto.randomUUID()}:`];
    const [one, two] = [
      await appWith('express', { storage: storage(mine) }),
      await appWith('fastify', { storage: storage(mine) }),
    ];
    const other = await appWith('fastify', { storage: storage(theirs) });
    for (const { url } of [one, two, one]) expect((await login(url, wrong(), ATTACKER)).status).toBe(401);
    expect((await login(two.url, wrong(), ATTACKER)).status).toBe(429);
    expect((await login(one.url, wrong(), ATTACKER)).status).toBe(429);
    const throttled = [one, two].flatMap(({ events }) => events.filter(({ type }) => type === 'throttled'));
    expect(throttled).toHaveLength(1);
    expect((await login(other.url, wrong(), ATTACKER)).status).toBe(401);
  });
});

it.each([
  [{ loginFailures: 0 }, 'AuthThrottlingModule: loginFailures'],
  [{ per: 'soon' }, 'AuthThrottlingModule: per'],
  [{ logins: 5 }, 'there is no option "logins"'],
  [{ storage: 'redis://localhost:6379' }, 'AuthThrottlingModule: storage must be a ThrottlerStorage'],
])('%j is refused at boot', (options, message) => {
  expect(() => AuthThrottlingModule.forRoot(options as never)).toThrow(message);
});
