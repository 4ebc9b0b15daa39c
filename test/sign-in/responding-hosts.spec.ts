import { Controller, type INestApplication, Logger, Post, Req, RequestTimeoutException, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AuthModule, AuthResponder, AuthRoute, InjectAuth } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { catchError, concat, map, of, retry, tap, throwError, timeout } from 'rxjs';
import { IsNull } from 'typeorm';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { adapters, SECRET } from '../support/auth-app.js';
import { type AuthBody, bearer, cookieHeader, refresh, refreshCookie, send } from '../support/http.js';
import { listening } from '../support/listening.js';
import { around, AroundInterceptor, FilteredController, RespondingController } from '../support/responding-host.js';
import { TABLES, usersAndStaff } from '../support/staff.js';
import { host, HOST } from '../support/staff-host.js';

/** Whether the hook of Fastify delays its answers, and whether it fails the next one. */
const hooks = { delayed: false, fail: false };

function configure(app: INestApplication): void {
  app.useGlobalInterceptors(new AroundInterceptor());
  const instance = app.getHttpAdapter().getInstance() as {
    addHook?(name: string, hook: (request: unknown, reply: unknown, data: unknown) => Promise<unknown>): void;
  };
  instance.addHook?.('onSend', async (_, __, payload) => {
    if (hooks.delayed) await new Promise((resolve) => setImmediate(resolve));
    if (!hooks.fail) return payload;
    hooks.fail = false;
    throw new Error('the hook of the host');
  });
}

const seen: unknown[] = [];

const INTERCEPTORS: [string, (typeof around)['intercept']][] = [
  ['nothing', undefined],
  ['an envelope', (handled) => handled.pipe(map((data) => ({ data })))],
  ['a log of the results', (handled) => handled.pipe(tap((value) => seen.push(value)))],
  ['a timeout', (handled) => handled.pipe(timeout(10_000))],
  ['several results', (handled) => concat(handled, of({ second: true }))],
  [
    'a retry that never is content',
    (handled) =>
      handled.pipe(
        map(() => {
          throw new Error('of the host');
        }),
        retry(2),
      ),
  ],
  ['errors as results', (handled) => handled.pipe(catchError(() => of({ ok: false })))],
];

for (const adapter of adapters) {
  describe(`AuthResponder in a host (${adapter})`, () => {
    const app = listening(adapter, {
      controllers: [RespondingController, FilteredController],
      imports: [AuthThrottlingModule.forRoot({ refreshFailures: 3, stepUpFailures: 3 })],
      configure,
      quiet: true,
    });
    const post = (path: string, body?: object, headers?: Record<string, string>) =>
      send<AuthBody>('POST', `${app.url}/${path}`, { body, headers });
    const liveSessions = () => app.dataSource.getRepository(RefreshToken).countBy({ revokedAt: IsNull() });
    afterEach(() => {
      around.intercept = undefined;
      Object.assign(hooks, { delayed: false, fail: false });
    });

    // Only Fastify has hooks.
    describe.each(adapter === 'fastify' ? [false, true] : [false])('whose hooks are slow: %s', (delayed) => {
      test.each(INTERCEPTORS)('answers once, past %s', async (_, intercept) => {
        around.intercept = intercept;
        hooks.delayed = delayed;
        for (const path of ['own/sign-in', 'filtered/sign-in', 'own/passthrough', 'filtered/passthrough']) {
          const before = await liveSessions();
          const answer = await post(path, { wanted: { transport: 'body' } });
          expect(answer, path).toMatchObject({ status: 200, body: { token_type: 'Bearer', generation: 0 } });
          expect(answer.body, path).not.toHaveProperty('by');
          const redirected = await post(path, { wanted: { redirectTo: '/in' } });
          expect([redirected.status, redirected.headers.get('location'), redirected.body]).toEqual([
            303,
            '/in',
            undefined,
          ]);
          expect(await liveSessions(), path).toBe(before + 2);
          const next = await post('own/refresh', { refresh_token: answer.body.refresh_token });
          expect(next, path).toMatchObject({ status: 200, body: { generation: 1 } });
          const last = await post('own/refresh-passthrough', { refresh_token: next.body.refresh_token });
          expect(last, path).toMatchObject({ status: 200, body: { generation: 2 } });
        }
      });
    });

    test('shows no interceptor a token', () => {
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.filter((value) => JSON.stringify(value ?? null).includes('token'))).toEqual([]);
    });

    if (adapter === 'fastify') {
      test('lets a hook fail: the client gets 500, and the request does not hang', async () => {
        for (const path of ['own/sign-in', 'own/passthrough']) {
          hooks.fail = hooks.delayed = true;
          expect((await post(path, { wanted: { transport: 'body' } })).status, path).toBe(500);
        }
      });
    }

    test('leaves no session that no client knows, and loses none, where a timeout of the host was faster', async () => {
      const { body } = await post('own/sign-in', { wanted: { transport: 'body' } });
      const before = await liveSessions();
      const { loadUser } = app.users;
      let release = () => {};
      const held = new Promise<void>((resolve) => (release = resolve));
      app.users.loadUser = async (id) => held.then(() => loadUser(id));
      around.intercept = (handled) =>
        handled.pipe(timeout({ first: 20, with: () => throwError(() => new RequestTimeoutException()) }));
      const answers = [
        await post('own/sign-in', {}),
        await post('filtered/passthrough', {}),
        await post('own/refresh', { refresh_token: body.refresh_token }),
        await post('own/refresh-passthrough', { refresh_token: body.refresh_token }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([408, 408, 408, 408]);
      expect(answers.flatMap(({ headers }) => headers.getSetCookie())).toEqual([]);
      around.intercept = undefined;
      release();
      app.users.loadUser = loadUser;
      await expect.poll(() => liveSessions()).toBe(before);
      await expect.poll(() => app.events.filter(({ reason }) => reason === 'sign_in_failed').length).toBeGreaterThan(1);
      expect((await post('own/refresh', { refresh_token: body.refresh_token })).status).toBe(200);
    });

    test('leaves no session where the host has answered before', async () => {
      const signedIn = await post('own/sign-in', {});
      const before = await liveSessions();
      const headers = cookieHeader(refreshCookie(signedIn)!);
      for (const what of ['refresh', 'sign-in']) {
        const answer = await post(`own/answered/${what}`, undefined, headers);
        expect([answer.status, answer.body, answer.headers.getSetCookie()]).toEqual([200, { by: 'the host' }, []]);
      }
      await expect.poll(() => liveSessions()).toBe(before);
      expect((await post('own/refresh', undefined, headers)).status).toBe(200);
    });

    test('throws what the host can catch: a page of its own instead of an error', async () => {
      const answer = await post('own/caught', { user: 'nobody' });
      expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([
        303,
        '/sign-in?error=invalid_credentials',
        'no-store',
      ]);
      expect((await post('own/caught', {})).status).toBe(200);
    });

    test.each(['own', 'filtered'])('leaves errors of the user provider to the filters (%s)', async (prefix) => {
      const { loadUser } = app.users;
      app.users.loadUser = () => Promise.reject(new Error('secret detail'));
      onTestFinished(() => void (app.users.loadUser = loadUser));
      const answer = await post(`${prefix}/sign-in`, {});
      expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
      expect([answer.headers.get('retry-after'), answer.headers.get('cache-control')]).toEqual(['1', 'no-store']);
      expect(JSON.stringify(answer.body)).not.toContain('secret');
    });

    test('is throttled where its route says what it is', async () => {
      const { body } = await post('own/sign-in', { wanted: { transport: 'body' } });
      const stepUp = (proof: unknown) => post('own/step-up', { proof, refresh_token: body.refresh_token });
      for (let time = 0; time < 3; time++) expect((await stepUp('wrong')).status).toBe(401);
      expect((await stepUp('alice-password')).status).toBe(429);
      // Those that succeed are not counted.
      let { refresh_token: token } = (await post('own/sign-in', { wanted: { transport: 'body' } })).body;
      for (let time = 0; time < 5; time++) {
        const answer = await post('own/refresh', { refresh_token: token });
        expect(answer.status).toBe(200);
        token = answer.body.refresh_token;
      }
    });
  });

  describe(`AuthResponder of one of several modules (${adapter})`, () => {
    @Controller('clerks')
    class ClerksController {
      constructor(@InjectAuth(AuthResponder, 'staff') private readonly responder: AuthResponder) {}

      @Post('sign-in')
      @AuthRoute('login')
      signIn(@Req() request: Request, @Res() response: Response) {
        return this.responder.signIn({ id: 'user-alice', roles: ['clerk'] }, request, response);
      }

      @Post('refresh')
      refresh(@Req() request: Request, @Res() response: Response) {
        return this.responder.refresh(request, response);
      }
    }

    test('begins sessions of its own module alone', async () => {
      const app = await host(adapter, {
        ...TABLES,
        imports: usersAndStaff(),
        controllers: [ClerksController, RespondingController],
      });
      const answer = await send<AuthBody>('POST', `${app.url}/clerks/sign-in`);
      expect(answer.headers.getSetCookie().join()).toContain('__Host-staff_refresh_token=nrt_');
      const me = (prefix: string) =>
        send('GET', `${app.url}/${prefix}/me`, { headers: bearer(answer.body.access_token) });
      expect((await me('staff/auth')).body).toMatchObject({ id: 'user-alice', roles: ['clerk'] });
      expect((await me('auth')).status).toBe(401);
      const cookie = answer.headers.getSetCookie()[0].split(';')[0];
      expect((await send('POST', `${app.url}/own/refresh`, { headers: { cookie } })).status).toBe(400);
      expect((await send('POST', `${app.url}/clerks/refresh`, { headers: { cookie } })).status).toBe(200);
      // The other session of the same browser stays.
      const both = { cookie: `${cookie}; ${cookieHeader('nrt_other').cookie}` };
      expect((await send('POST', `${app.url}/own/sign-in`, { headers: both })).status).toBe(200);
    });
  });

  test(`AuthResponder needs no controllers of the module (${adapter})`, async () => {
    const app = await host(adapter, {
      imports: [AuthModule.forRoot({ ...HOST, secret: SECRET, purge: { interval: '0s' }, controllers: false })],
      controllers: [RespondingController],
    });
    const answer = await send<AuthBody>('POST', `${app.url}/own/sign-in`);
    expect(answer.status).toBe(200);
    expect((await refresh(app.url, undefined, cookieHeader(refreshCookie(answer)!))).status).toBe(404);
    const headers = cookieHeader(refreshCookie(answer)!);
    expect((await send('POST', `${app.url}/own/refresh`, { headers })).status).toBe(200);
  });

  test(`AuthResponder refuses plain HTTP where TLS is required, and logs no secret (${adapter})`, async () => {
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    onTestFinished(() => logged.mockRestore());
    const app = await host(adapter, {
      imports: [AuthModule.forRoot({ ...HOST, secret: SECRET, purge: { interval: '0s' }, requireTls: true })],
      controllers: [RespondingController],
      trustProxy: 'loopback',
    });
    const signIn = (headers = {}) => send<AuthBody>('POST', `${app.url}/own/sign-in`, { headers });
    const refused = await signIn();
    expect(refused).toMatchObject({ status: 403, body: { error: 'https_required' } });
    const { status } = await signIn({ 'x-forwarded-proto': 'https' });
    expect([status, logged.mock.calls]).toEqual([200, []]);
  });
}
