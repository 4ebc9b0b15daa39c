import {
  BadGatewayException,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  HttpException,
  type INestApplication,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AuthExceptionFilter } from 'nestjs-refresh-token';
import type { NextFunction, Request, Response } from 'express';
import { catchError, EMPTY, type Observable, of, throwError, TimeoutError } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { adapters, HostUsers } from '../support/auth-app.js';
import { type Answer, type AuthBody, cookieHeader, cookiesSet, refresh, refreshCookie, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { errorsDuring } from '../support/logged-errors.js';
import { CANARY, rowsOf } from '../support/refused.js';

/** What the host does to the next requests; it belongs to one request at a time. */
const host: {
  guard?: (context: ExecutionContext) => boolean;
  interceptor?: (next: CallHandler) => Observable<unknown>;
  middleware?: (response: { setHeader(name: string, value: string): void }) => void;
  hook?: () => void;
} = {};

@Injectable()
class MaintenanceGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return host.guard?.(context) ?? true;
  }
}

@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return host.interceptor?.(next) ?? next.handle();
  }
}

function configure(app: INestApplication): void {
  app.use((_: Request, response: Response, next: NextFunction) => {
    host.middleware?.(response);
    next();
  });
  const instance = app.getHttpAdapter().getInstance() as { addHook?(name: string, hook: () => Promise<void>): void };
  instance.addHook?.('preHandler', async () => host.hook?.());
}

/** Whatever is thrown, as a function: `throw undefined` is a member, too. */
const thrown = (value: unknown) => () => {
  throw value;
};

const httpError = (status: number, more: object = {}) =>
  Object.assign(new Error(CANARY), { status, statusCode: status, expose: status < 500, ...more });

const STATUSES: [status: number, error: string][] = [
  [400, 'invalid_request'],
  [401, 'unauthorized'],
  [402, 'forbidden'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [405, 'invalid_request'],
  [408, 'temporarily_unavailable'],
  [409, 'forbidden'],
  [410, 'not_found'],
  [413, 'invalid_request'],
  [415, 'invalid_request'],
  [418, 'invalid_request'],
  [422, 'invalid_request'],
  [423, 'forbidden'],
  [425, 'temporarily_unavailable'],
  [429, 'too_many_requests'],
  [451, 'forbidden'],
  [499, 'invalid_request'],
  [500, 'server_error'],
  [501, 'server_error'],
  [502, 'temporarily_unavailable'],
  [503, 'temporarily_unavailable'],
  [504, 'temporarily_unavailable'],
  [599, 'server_error'],
];

/** Values that say nothing about HTTP, though some look as if they did. */
const FAILURES: [what: string, value: unknown][] = [
  ['an Error', new Error(CANARY)],
  ['a text', CANARY],
  ['undefined', undefined],
  ['null', null],
  ['a number', 429],
  ['an object', { message: CANARY }],
  ['a function', () => CANARY],
  ['an error with the status 200', httpError(200)],
  ['an error with the status 999', httpError(999)],
  ['an error with a text as its status', Object.assign(new Error(CANARY), { status: '429' })],
  ['an error with half a status', httpError(429.5)],
  ['an HttpException of success', new HttpException(CANARY, 200)],
  ['an HttpException of no status', new HttpException(CANARY, 999)],
  ['an HttpException whose status is text', new HttpException(CANARY, '429' as never)],
  ['the error of an HTTP client', Object.assign(new Error(CANARY), { status: 401, response: { status: 401 } })],
  ['a timeout of RxJS', new TimeoutError()],
];

for (const adapter of adapters) {
  describe(`an error of the host on the auth routes (${adapter})`, () => {
    const app = listening(adapter, {
      providers: [
        { provide: APP_FILTER, useClass: AuthExceptionFilter },
        { provide: APP_GUARD, useClass: MaintenanceGuard },
        { provide: APP_INTERCEPTOR, useClass: TimeoutInterceptor },
      ],
      configure,
    });

    let token: string;
    beforeAll(async () => {
      token = (await signIn(app, { transport: 'cookie' })).refreshToken;
    });

    /** One request while the host throws, of which nothing may become. */
    async function refused(broken: typeof host): Promise<{ answer: Answer<AuthBody>; logged: string[] }> {
      const [rows, published] = [await rowsOf(app), app.events.length];
      let answer!: Answer<AuthBody>;
      const logged = await errorsDuring(async () => {
        Object.assign(host, broken);
        try {
          answer = await refresh(app.url, undefined, cookieHeader(token));
        } finally {
          for (const name of Object.keys(host)) delete host[name as keyof typeof host];
        }
      });
      expect(await rowsOf(app)).toEqual(rows);
      expect(app.events.slice(published)).toEqual([]);
      expect(cookiesSet(answer)).toEqual([]);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.body).toEqual({ error: expect.any(String), error_description: expect.any(String) });
      expect(JSON.stringify([answer.body, ...answer.headers])).not.toContain(CANARY);
      return { answer, logged };
    }

    // The same token is still good.
    afterEach(async () => {
      const answer = await refresh(app.url, undefined, cookieHeader(token));
      expect(answer.status).toBe(200);
      token = refreshCookie(answer)!;
    });

    test.each(STATUSES)('%i keeps its status, whoever throws it: %s', async (status, error) => {
      for (const value of [new HttpException(CANARY, status), new HttpException({ [CANARY]: { a: 1 } }, status)]) {
        for (const broken of [
          { guard: thrown(value) },
          { interceptor: thrown(value) },
          { interceptor: () => throwError(() => value) },
          { middleware: thrown(value) },
          ...(adapter === 'fastify' ? [{ hook: thrown(value) }] : []),
        ]) {
          const { answer, logged } = await refused(broken);
          expect({ status: answer.status, error: answer.body.error, logged }).toEqual({ status, error, logged: [] });
        }
      }
    });

    test.each(STATUSES)('%i as Express middleware and Fastify hooks throw it', async (status, error) => {
      for (const value of [
        httpError(status, { headers: { 'Retry-After': 30, 'Content-Length': '5', 'X-Bad': 'a\nb' } }),
        Object.assign(new Error(CANARY), { statusCode: status, headers: { 'Retry-After': '30' } }),
        { statusCode: status, message: CANARY, headers: { 'retry-after': '30' } },
      ]) {
        for (const broken of [
          { guard: thrown(value) },
          { middleware: thrown(value) },
          ...(adapter === 'fastify' && value instanceof Error ? [{ hook: thrown(value) }] : []),
        ]) {
          const { answer, logged } = await refused(broken);
          expect({ status: answer.status, error: answer.body.error, logged }).toEqual({ status, error, logged: [] });
          expect(answer.headers.get('retry-after')).toBe('30');
        }
      }
    });

    test.each(FAILURES)(
      '%s is 500, logged once as the failure of the host, and its text stays inside',
      async (_, value) => {
        for (const broken of [
          { guard: thrown(value) },
          { interceptor: thrown(value) },
          { interceptor: () => throwError(() => value) },
          ...(value === undefined || value === null ? [] : [{ middleware: thrown(value) }]),
        ]) {
          const { answer, logged } = await refused(broken);
          expect({ status: answer.status, error: answer.body.error }).toEqual({ status: 500, error: 'server_error' });
          expect(logged).toHaveLength(1);
          expect(logged[0]).not.toContain('server_error');
        }
      },
    );

    test('keeps the headers that were set before it, for example those of @nestjs/throttler', async () => {
      const { answer } = await refused({
        guard: (context) => {
          const response = context.switchToHttp().getResponse<{ header(name: string, value: string): void }>();
          response.header('Retry-After', '120');
          response.header('X-RateLimit-Limit', '10');
          response.header('WWW-Authenticate', 'Basic realm="staging"');
          response.header('Content-Type', 'text/html');
          throw new HttpException('ThrottlerException: Too Many Requests', 429);
        },
      });
      expect(answer).toMatchObject({ status: 429, body: { error: 'too_many_requests' } });
      expect(answer.headers.get('retry-after')).toBe('120');
      expect(answer.headers.get('x-ratelimit-limit')).toBe('10');
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="staging"');
    });

    test('of a guard that says no is 403', async () => {
      expect((await refused({ guard: () => false })).answer).toMatchObject({
        status: 403,
        body: { error: 'forbidden' },
      });
    });

    test('that replaces a refusal of the route does not hide it', async () => {
      const dead = await signIn(app, { transport: 'cookie' });
      await app.service.revoke(dead.sessionId, 'ended_by_admin');
      for (const interceptor of [
        (next: CallHandler) => next.handle().pipe(catchError(() => throwError(() => new BadGatewayException()))),
        (next: CallHandler) => next.handle().pipe(catchError(() => throwError(() => new Error(CANARY)))),
        (next: CallHandler) => next.handle().pipe(catchError(() => of({ ok: false }))),
        (next: CallHandler) => next.handle().pipe(catchError(() => of(undefined))),
        (next: CallHandler) => next.handle().pipe(catchError(() => EMPTY)),
      ]) {
        host.interceptor = interceptor;
        const answer = await refresh(app.url, undefined, cookieHeader(dead.refreshToken));
        delete host.interceptor;
        expect([answer.status, answer.body.error]).toEqual([401, 'invalid_grant']);
        expect(refreshCookie(answer)).toBe('');
      }
    });

    test('is never taken for a missing refresh token, which has a code of its own', async () => {
      for (const path of ['refresh', 'step-up']) {
        const answer = await send('POST', `${app.url}/auth/${path}`, { body: { password: 'x' } });
        expect(answer).toMatchObject({ status: 400, body: { error: 'refresh_token_missing' } });
      }
    });

    test('where an answer has begun already, it is left alone', async () => {
      const { refreshToken } = await signIn(app);
      host.guard = (context) => {
        const response = context.switchToHttp().getResponse<Response & { raw?: Response; hijack?(): void }>();
        response.hijack?.();
        const raw = response.raw ?? response;
        raw.statusCode = 202;
        raw.end('by the host');
        throw new ForbiddenException();
      };
      const answer = await refresh(app.url, refreshToken);
      delete host.guard;
      expect([answer.status, answer.body]).toEqual([202, 'by the host']);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test('in all other routes is answered by Nest, as before', async () => {
      host.guard = thrown(new HttpException('no', 429));
      const answer = await send('GET', `${app.url}/elsewhere`);
      delete host.guard;
      expect(answer.status).toBe(404);
    });

    afterAll(() => {
      for (const name of Object.keys(host)) delete host[name as keyof typeof host];
    });
  });

  describe(`a user provider that throws an error of HTTP (${adapter})`, () => {
    const users = new HostUsers();
    const app = listening(adapter, { users, quiet: true });

    test('has the status of that error, and a code that is not ours', async () => {
      users.validateCredentials = () => Promise.reject(new HttpException(CANARY, 401));
      const { status, body } = await send<{ error: string }>('POST', `${app.url}/auth/login`, {
        body: { username: 'alice', password: 'alice-password' },
      });
      expect([status, body.error]).toEqual([401, 'unauthorized']);
      expect(JSON.stringify(body)).not.toContain(CANARY);
    });
  });
}
