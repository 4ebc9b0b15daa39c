import {
  type ArgumentMetadata,
  BadRequestException,
  type CallHandler,
  ClassSerializerInterceptor,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  ParseIntPipe,
  type PipeTransform,
  RequestTimeoutException,
  StreamableFile,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, Reflector } from '@nestjs/core';
import type { NextFunction, Request, Response } from 'express';
import { AuthExceptionFilter } from 'nestjs-refresh-token';
import { createAuthClient } from 'nestjs-refresh-token/client';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { Readable } from 'node:stream';
import { catchError, concat, ignoreElements, map, type Observable, of, retry, tap, throwError, timeout } from 'rxjs';
import { IsNull } from 'typeorm';
import { afterEach, describe, expect, test } from 'vitest';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { type AuthBody, bearer, cookieHeader, login, refresh, refreshCookie, send } from '../support/http.js';
import { listening } from '../support/listening.js';

const ALICE = { username: 'alice', password: 'alice-password' };
const BOB = { username: 'bob', password: 'bob-password' };

/** What is global in the host, one at a time. */
interface Global {
  pipe?: PipeTransform;
  interceptor?: NestInterceptor;
  /** An envelope of Express middleware, and of a Fastify hook. */
  middleware?: boolean;
}

const results = (change: (result: Observable<unknown>) => Observable<unknown>): Global => ({
  interceptor: { intercept: (_, next) => change(next.handle()) },
});

/** As `@nestjs/cache-manager` keeps answers: by URL, for everybody. */
@Injectable()
class CacheInterceptor implements NestInterceptor {
  readonly kept = new Map<string, unknown>();

  constructor(private readonly keepsNothing: boolean) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { method, url } = context.switchToHttp().getRequest<Request>();
    const key = `${method} ${url}`;
    const kept = this.kept.get(key);
    if (this.keepsNothing ? this.kept.has(key) && method === 'GET' : kept !== undefined && kept !== null)
      return of(kept);
    return next.handle().pipe(tap((answer) => this.kept.set(key, answer)));
  }
}

class OwnDto {}

const PIPES: [string, Global][] = [
  ['whitelist', { pipe: new ValidationPipe({ whitelist: true }) }],
  ['forbidNonWhitelisted', { pipe: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }) }],
  ['transform', { pipe: new ValidationPipe({ transform: true, whitelist: true }) }],
  [
    'enableImplicitConversion',
    { pipe: new ValidationPipe({ transform: true, transformOptions: { enableImplicitConversion: true } }) },
  ],
  [
    'excludeExtraneousValues',
    { pipe: new ValidationPipe({ transform: true, transformOptions: { strategy: 'excludeAll' } }) },
  ],
  [
    'stopAtFirstError and forbidUnknownValues',
    { pipe: new ValidationPipe({ stopAtFirstError: true, forbidUnknownValues: true }) },
  ],
  [
    'validateCustomDecorators',
    { pipe: new ValidationPipe({ validateCustomDecorators: true, whitelist: true, forbidNonWhitelisted: true }) },
  ],
  [
    'a custom exceptionFactory',
    { pipe: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, exceptionFactory: () => new Error() }) },
  ],
  [
    'an expectedType',
    { pipe: new ValidationPipe({ expectedType: OwnDto, whitelist: true, forbidNonWhitelisted: true }) },
  ],
  ['ParseIntPipe', { pipe: new ParseIntPipe() }],
  [
    'a pipe that trims',
    {
      pipe: {
        transform: (value: unknown) =>
          Object.fromEntries(
            Object.entries(Object(value) as object).map(([name, text]) => [name, String(text).trim()]),
          ),
      },
    },
  ],
  ['a pipe that empties', { pipe: { transform: () => undefined } }],
  [
    'a pipe that throws on everything',
    {
      pipe: {
        transform: (_: unknown, { type }: ArgumentMetadata) => {
          throw new BadRequestException(type);
        },
      },
    },
  ],
];

let present: Global = {};

const seen: unknown[] = [];

const INTERCEPTORS: [string, Global][] = [
  ['an envelope', results((result) => result.pipe(map((data) => ({ data }))))],
  ['an envelope by middleware, or by the hook preSerialization', { middleware: true }],
  [
    'a ClassSerializerInterceptor that excludes all',
    { interceptor: new ClassSerializerInterceptor(new Reflector(), { strategy: 'excludeAll' }) },
  ],
  ['a cache of @nestjs/cache-manager', { interceptor: new CacheInterceptor(false) }],
  ['a timeout', results((result) => result.pipe(timeout(10_000)))],
  [
    'null as 404',
    results((result) =>
      result.pipe(
        map((value) => {
          if (value === null || value === undefined) throw new NotFoundException();
          return value;
        }),
      ),
    ),
  ],
  [
    'null as 204',
    {
      interceptor: {
        intercept: (context, next) => {
          const response = context.switchToHttp().getResponse<{ status(code: number): void }>();
          return next.handle().pipe(tap((value) => (value === undefined ? response.status(204) : undefined)));
        },
      },
    },
  ],
  [
    'a retry that never is content',
    results((result) =>
      result.pipe(
        map(() => JSON.parse('{') as unknown),
        retry(2),
      ),
    ),
  ],
  ['a field of the result', results((result) => result.pipe(map((value) => (value as { id: number }).id)))],
  ['a log of the results', results((result) => result.pipe(tap((value) => seen.push(value))))],
  ['a stream', results((result) => result.pipe(map(() => new StreamableFile(Readable.from(['by the host'])))))],
  ['a text', results((result) => result.pipe(map(() => 'by the host')))],
  ['several results', results((result) => concat(result, of({ first: true }), of({ second: true })))],
  ['no result', results((result) => result.pipe(ignoreElements()))],
  ['errors as results', results((result) => result.pipe(catchError((error: Error) => of({ ok: false, error }))))],
  ['errors as 502', results((result) => result.pipe(catchError(() => throwError(() => new BadRequestException()))))],
  [
    'a header of its own',
    {
      interceptor: {
        intercept: (context, next) => {
          const response = context.switchToHttp().getResponse<{ header(name: string, value: string): void }>();
          return next.handle().pipe(tap(() => response.header('X-Response-Time', '5')));
        },
      },
    },
  ],
];

function configure(app: INestApplication): void {
  app.useGlobalPipes({
    transform: (value, metadata) => (present.pipe ?? new ValidationPipe()).transform(value, metadata),
  });
  app.useGlobalInterceptors({
    intercept: (context, next) => present.interceptor?.intercept(context, next) ?? next.handle(),
  });
  const instance = app.getHttpAdapter().getInstance() as {
    addHook?(name: string, hook: (request: unknown, reply: unknown, data: unknown) => Promise<unknown>): void;
  };
  if (instance.addHook) {
    instance.addHook('preSerialization', async (_, __, data) => (present.middleware ? { data } : data));
    return;
  }
  app.use((_: Request, response: Response, next: NextFunction) => {
    const json = response.json.bind(response);
    if (present.middleware) response.json = (data: unknown) => json({ data });
    next();
  });
}

const quiet = {
  quiet: true,
  options: { audit: { store: true } },
  providers: [{ provide: APP_FILTER, useClass: AuthExceptionFilter }],
};
const liveSessions = (app: AuthApp) => app.dataSource.getRepository(RefreshToken).countBy({ revokedAt: IsNull() });

/** A life of two users through every route. */
async function expectUsual(app: AuthApp): Promise<void> {
  const before = await liveSessions(app);
  const [alice, bob] = [await login(app.url, { ...ALICE, transport: 'body' }), await login(app.url, BOB)];
  expect(await liveSessions(app)).toBe(before + 2);
  for (const answer of [alice, bob]) {
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
    expect(answer.headers.get('content-length')).toBe(String(JSON.stringify(answer.body).length));
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 900 });
  }
  expect(alice.body).toHaveProperty('refresh_token');
  expect(bob.body).not.toHaveProperty('refresh_token');

  for (let round = 0; round < 2; round++) {
    for (const [{ body }, id] of [
      [alice, 'user-alice'],
      [bob, 'user-bob'],
    ] as const) {
      const get = <T>(path: string) =>
        send<T>('GET', `${app.url}/auth/${path}`, { headers: bearer(body.access_token) });
      expect((await get('me')).body).toEqual({ id, roles: ['user'], permissions: [], session_id: body.session_id });
      const sessions = await get<{ id: string; current: boolean }[]>('sessions');
      expect(sessions.status).toBe(200);
      expect(sessions.body.filter(({ current }) => current).map((session) => session.id)).toEqual([body.session_id]);
      const events = await get<{ session_id: string }[]>(`events?session_id=${body.session_id}&limit=1`);
      expect(events.body.map((event) => event.session_id)).toEqual([body.session_id]);
      expect(await get('events?limit=0')).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  }

  const stepUp = await send<AuthBody>('POST', `${app.url}/auth/step-up`, {
    body: { refresh_token: alice.body.refresh_token, password: ALICE.password, more: 'x' },
  });
  expect(stepUp).toMatchObject({ status: 200, body: { session_id: alice.body.session_id } });
  const refreshed = await refresh(app.url, stepUp.body.refresh_token);
  expect(refreshed).toMatchObject({ status: 200, body: { session_id: alice.body.session_id } });
  const cookie = await refresh(app.url, undefined, cookieHeader(refreshCookie(bob)!));
  expect(cookie).toMatchObject({ status: 200, body: { session_id: bob.body.session_id } });
  expect(refreshCookie(cookie)).toMatch(/./);

  expect(await refresh(app.url)).toMatchObject({ status: 400, body: { error: 'refresh_token_missing' } });
  expect(await login(app.url, { ...ALICE, password: 'wrong' })).toMatchObject({
    status: 401,
    body: { error: 'invalid_credentials' },
  });

  const headers = bearer(refreshed.body.access_token);
  const everywhere = (except_current: unknown) =>
    send('POST', `${app.url}/auth/logout-all`, { headers, body: { except_current } });
  // The text "false" is not true, and the number 1 is not, either.
  for (const not of ['false', 'true', 1, []]) {
    expect(await everywhere(not)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  }
  expect(await everywhere(true)).toMatchObject({ status: 204, body: undefined });
  expect(await send('DELETE', `${app.url}/auth/sessions/none`, { headers })).toMatchObject({ status: 404 });
  const ended = await send('DELETE', `${app.url}/auth/sessions/${alice.body.session_id}`, { headers });
  expect([ended.status, ended.body]).toEqual([204, undefined]);
  const out = await send('POST', `${app.url}/auth/logout`, { headers: cookieHeader(refreshCookie(cookie)!) });
  expect([out.status, out.body, refreshCookie(out)]).toEqual([204, undefined, '']);
}

async function expectClient(app: AuthApp): Promise<void> {
  let kept: unknown;
  const store = {
    load: () => Promise.resolve(kept as never),
    save: (session: unknown) => Promise.resolve(void (kept = session)),
    clear: () => Promise.resolve(void (kept = undefined)),
  };
  const client = createAuthClient({ baseUrl: app.url, store });
  try {
    await client.login(ALICE);
    await client.refresh();
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
    expect(await client.sessions.list()).toContainEqual(expect.objectContaining({ current: true }));
    await client.logout();
    expect(await client.user()).toBeNull();
  } finally {
    client.close();
  }
}

for (const adapter of adapters) {
  describe(`in a host with global enhancers, our routes (${adapter})`, () => {
    const app = listening(adapter, { ...quiet, configure });
    afterEach(() => {
      present = {};
    });

    test.each(PIPES)('read their own input, with %s', async (_, global) => {
      present = global;
      await expectUsual(app);
    });

    test.each(INTERCEPTORS)('write their own output, and serve our client, with %s', async (_, global) => {
      present = global;
      await expectUsual(app);
      await expectClient(app);
    });

    test('let a header of an interceptor pass', async () => {
      present = INTERCEPTORS.find(([name]) => name === 'a header of its own')![1];
      expect((await login(app.url, ALICE)).headers.get('x-response-time')).toBe('5');
    });
  });

  describe(`our routes (${adapter})`, () => {
    let release = () => {};
    const cache = new CacheInterceptor(true);
    const app = listening(adapter, {
      ...quiet,
      configure: (nest) =>
        nest.useGlobalInterceptors(cache, {
          intercept: (context: ExecutionContext, next: CallHandler) =>
            context.switchToHttp().getRequest<Request>().headers['x-host'] === 'answers'
              ? of({ maintenance: true })
              : context.switchToHttp().getRequest<Request>().headers['x-host'] === 'is-late'
                ? next
                    .handle()
                    .pipe(timeout({ first: 20, with: () => throwError(() => new RequestTimeoutException()) }))
                : next.handle(),
        }),
    });

    test('never answer with what a cache holds of another user', async () => {
      const [alice, bob] = [await login(app.url, { ...ALICE, transport: 'body' }), await login(app.url, BOB)];
      const sessions = ({ body }: typeof alice) =>
        send<unknown>('GET', `${app.url}/auth/sessions`, { headers: bearer(body.access_token) });
      expect((await sessions(alice)).status).toBe(200);
      expect([...cache.kept.values()].every((value) => value === undefined)).toBe(true);
      // This cache answers in place of the route. It has nothing to tell.
      const { status, body, headers } = await sessions(bob);
      expect([status, body, headers.get('cache-control')]).toEqual([200, undefined, 'no-store']);
    });

    test('let an interceptor answer in their place, and do nothing then', async () => {
      const before = await liveSessions(app);
      const { status, body } = await login(app.url, ALICE, { 'x-host': 'answers' });
      expect([status, body]).toEqual([200, { maintenance: true }]);
      expect(await liveSessions(app)).toBe(before);
    });

    test('leave no session that no client knows, and lose none, where a timeout of the host was faster', async () => {
      const { body } = await login(app.url, { ...ALICE, transport: 'body' });
      const before = await liveSessions(app);
      const { validateCredentials, loadUser } = app.users;
      const held = new Promise<void>((resolve) => (release = resolve));
      app.users.validateCredentials = async (...given) => held.then(() => validateCredentials(...given));
      app.users.loadUser = async (id) => held.then(() => loadUser(id));
      const late = { 'x-host': 'is-late' };
      const answers = [await login(app.url, ALICE, late), await refresh(app.url, body.refresh_token, late)];
      for (const answer of answers) {
        expect([answer.status, answer.body.error]).toEqual([408, 'temporarily_unavailable']);
      }
      release();
      Object.assign(app.users, { validateCredentials, loadUser });
      await expect.poll(() => app.events.at(-1)).toMatchObject({ type: 'revoked', reason: 'sign_in_failed' });
      await expect.poll(() => liveSessions(app)).toBe(before);
      expect((await refresh(app.url, body.refresh_token)).status).toBe(200);
    });
  });
}

test('an interceptor that logs results sees no token', () => {
  expect(seen.length).toBeGreaterThan(10);
  expect(seen.filter((value) => value !== undefined)).toEqual([]);
});
