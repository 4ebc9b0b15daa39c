import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import { Controller, Get, type INestApplication, Ip, Sse, UseGuards } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule, JwtAuthGuard, RefreshTokenService } from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { interval, map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostUsers, HostUsersModule, SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { generateProofKey, signProof } from '../support/dpop.js';
import { type AuthBody, bearer, REFRESH_COOKIE } from '../support/http.js';
import { generateIdentity } from '../support/tls.js';

const CREDENTIALS = { username: 'alice', password: 'alice-password' };
const JSON_TYPE = { 'content-type': 'application/json' };

@UseGuards(JwtAuthGuard)
@Controller('own')
class OwnController {
  @Get('ip')
  ip(@Ip() ip: string) {
    return { ip };
  }

  @Sse('ticks')
  ticks() {
    return interval(10).pipe(map((count) => ({ data: String(count) })));
  }
}

interface Http2Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: AuthBody;
  text: string;
}

describe.each(['TLS', 'h2c'] as const)('HTTP/2 on Fastify (%s)', (kind) => {
  let database: TestDatabase;
  let app: INestApplication;
  let url: string;
  let session: ClientHttp2Session;
  let service: RefreshTokenService;

  beforeAll(async () => {
    database = await databaseNamed('sqljs').create();
    const identity = await generateIdentity();
    const module = await Test.createTestingModule({
      controllers: [OwnController],
      imports: [
        TypeOrmModule.forRoot({
          ...database.options(refreshTokenEntities, refreshTokenMigrations),
          migrationsRun: true,
        }),
        AuthModule.forRoot({
          imports: [HostUsersModule],
          userProvider: HostUsers,
          secret: SECRET,
          purge: { interval: '0s' },
          binding: { dpop: {} },
          shutdown: { drainTimeout: '60s' },
          requireTls: kind === 'TLS',
        }),
        HostUsersModule,
      ],
    }).compile();
    const https = { cert: identity.cert, key: identity.key };
    const adapter = new FastifyAdapter({ http2: true, ...(kind === 'TLS' && { https }) } as object);
    app = module.createNestApplication(adapter, kind === 'TLS' ? { httpsOptions: https } : {});
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    url = `${kind === 'TLS' ? 'https' : 'http'}://127.0.0.1:${port}`;
    session = connect(url, { rejectUnauthorized: false });
    service = module.get(RefreshTokenService);
  });
  afterAll(async () => {
    session?.close();
    await app?.close();
    await database?.drop();
  });

  async function send(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders = {},
    body?: object | '',
  ): Promise<Http2Answer> {
    const stream = session.request(
      { ':method': method, ':path': path, ...(body && JSON_TYPE), ...headers },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body === '' ? '' : JSON.stringify(body));
    const answered = new Promise<Http2Answer['headers']>((resolve) => stream.once('response', resolve as never));
    const text = (await stream.setEncoding('utf8').toArray()).join('');
    const received = await answered;
    const isJson = String(received['content-type']).startsWith('application/json');
    return {
      status: Number(received[':status']),
      headers: received,
      body: (isJson ? JSON.parse(text) : undefined) as AuthBody,
      text,
    };
  }
  const signIn = async () => (await send('POST', '/auth/login', {}, { ...CREDENTIALS, transport: 'body' })).body;

  test('signs in, refreshes by body and by cookie, and logs out', async () => {
    const { refresh_token } = await signIn();
    const refreshed = await send('POST', '/auth/refresh', {}, { refresh_token });
    expect(refreshed).toMatchObject({ status: 200, body: { generation: 1 } });
    const login = await send('POST', '/auth/login', {}, CREDENTIALS);
    const token = /=([^;]+)/.exec(String(login.headers['set-cookie']))![1];
    const again = await send('POST', '/auth/refresh', { cookie: `${REFRESH_COOKIE}=${token}` });
    expect(again.status).toBe(200);
    const logout = await send('POST', '/auth/logout', bearer(again.body.access_token));
    expect(logout.status).toBe(204);
    expect((await send('GET', '/auth/me', bearer(again.body.access_token))).status).toBe(401);
  });

  test.each([
    ['with an empty frame', ''],
    ['with none', undefined],
  ] as const)('takes an empty body that is called JSON for none: %s', async (_, body) => {
    const { access_token, refresh_token, session_id } = await signIn();
    const cookie = { cookie: `${REFRESH_COOKIE}=${refresh_token}` };
    for (const [method, path, status, credentials] of [
      ['POST', 'refresh', 200, cookie],
      ['DELETE', `sessions/${(await signIn()).session_id}`, 204, bearer(access_token)],
      ['DELETE', `sessions/${session_id}`, 204, bearer(access_token)],
      ['POST', 'logout-all', 204, bearer((await signIn()).access_token)],
    ] as const) {
      const answer = await send(method, `/auth/${path}`, { ...JSON_TYPE, ...credentials }, body);
      expect(answer.status, path).toBe(status);
    }
    expect((await send('POST', '/auth/login', JSON_TYPE, body)).status).toBe(400);
  });

  test('refuses the cookie to a page of another site', async () => {
    const login = await send('POST', '/auth/login', {}, CREDENTIALS);
    const cookie = `${REFRESH_COOKIE}=${/=([^;]+)/.exec(String(login.headers['set-cookie']))![1]}`;
    for (const evidence of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      expect((await send('POST', '/auth/refresh', { cookie, ...evidence })).status).toBe(403);
    }
    const own = await send('POST', '/auth/refresh', { cookie, 'sec-fetch-site': 'same-origin', origin: url });
    expect(own.status).toBe(200);
  });

  test('compares a DPoP proof with the authority', async () => {
    const key = await generateProofKey();
    const proof = (htu: string) => signProof(key, { htm: 'POST', htu, iat: Math.floor(Date.now() / 1000) });
    const login = async (dpop: string) => send('POST', '/auth/login', { dpop }, { ...CREDENTIALS, transport: 'body' });
    expect(await login(await proof(`${url}/auth/login`))).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    expect((await login(await proof('https://other.example/auth/login'))).status).toBe(400);
  });

  test('knows the address of the client', async () => {
    const { access_token } = await signIn();
    expect((await send('GET', '/own/ip', bearer(access_token))).text).toContain('127.0.0.1');
    const sessions = await send('GET', '/auth/sessions', bearer(access_token));
    expect(sessions.text).toContain('127.0.0.1');
  });

  test('ends the stream of a session, and no other on the connection', async () => {
    const [one, two] = [await signIn(), await signIn()];
    const open = (token: string) => {
      const stream = session.request({ ':path': '/own/ticks', ...bearer(token) });
      let text = '';
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
      stream.on('error', () => undefined);
      return { stream, text: () => text, closed: new Promise((resolve) => stream.once('close', resolve)) };
    };
    const [ended, other] = [open(one.access_token), open(two.access_token)];
    await expect.poll(() => ended.text() !== '' && other.text() !== '').toBe(true);
    await service.revoke(one.session_id, 'ended_by_admin');
    await ended.closed;
    expect(ended.text()).toContain('token_revoked');
    const before = other.text().length;
    await expect.poll(() => other.text().length).toBeGreaterThan(before);
    other.stream.close();
    expect((await send('GET', '/auth/me', bearer(two.access_token))).status).toBe(200);
  });

  test('lets its connections end when it stops, without a Connection header', async () => {
    const { access_token } = await signIn();
    const stream = session.request({ ':path': '/own/ticks', ...bearer(access_token) });
    const headers = new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve as never));
    stream.on('error', () => undefined).resume();
    const held = session.request({ ':method': 'POST', ':path': '/auth/login', ...JSON_TYPE });
    const answer = new Promise<Record<string, unknown>>((resolve) => held.once('response', resolve as never));
    expect(await headers).not.toHaveProperty('connection');
    const ended = new Promise((resolve) => session.once('close', resolve));
    const away = new Promise((resolve) => session.once('goaway', resolve));
    const startedAt = performance.now();
    const stopping = app.close();
    await away;
    held.end(JSON.stringify(CREDENTIALS));
    held.resume();
    expect(await answer).toMatchObject({ ':status': 200 });
    expect(await answer).not.toHaveProperty('connection');
    await Promise.all([stopping, ended]);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});
