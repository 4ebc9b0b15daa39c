import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { Controller, Get, Logger, Post, Query, Sse, UseFilters, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportModule } from '@nestjs/passport';
import { WsAdapter } from '@nestjs/platform-ws';
import { type AuthenticatedUser, AuthExceptionFilter, CurrentUser, JwtAuthGuard } from 'nestjs-refresh-token';
import { of } from 'rxjs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { adapters, HostUsers } from '../support/auth-app.js';
import { ask, closed, openWs, type Presented } from '../support/context-calls.js';
import { ClosedGateway, Gateway } from '../support/context-host.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { type Answer, bearer, cookiesSet, send } from '../support/http.js';
import { claimsOf, DAY, listening, MINUTE, signIn } from '../support/listening.js';

const NAME = '__Host-access_token';
const ALLOWED = 'https://app.example';

@Controller('pages')
@UseFilters(AuthExceptionFilter)
class PagesController {
  changes = 0;

  @UseGuards(JwtAuthGuard)
  @Get()
  page(@CurrentUser() user: AuthenticatedUser) {
    return { id: user.id };
  }

  @UseGuards(JwtAuthGuard)
  @Post()
  change(@CurrentUser() user: AuthenticatedUser) {
    this.changes++;
    return { id: user.id };
  }

  @UseGuards(JwtAuthGuard)
  @Sse('events')
  events(@CurrentUser() user: AuthenticatedUser) {
    return of({ data: user.id });
  }

  @UseGuards(AuthGuard('nrt-jwt'))
  @Get('passport')
  byPassport(@CurrentUser() user: AuthenticatedUser) {
    return { id: user.id };
  }

  @UseGuards(AuthGuard('nrt-jwt'))
  @Post('passport')
  changeByPassport(@CurrentUser() user: AuthenticatedUser, @Query() _: unknown) {
    return { id: user.id };
  }
}

/** `fetch` of Node.js adds `Sec-Fetch-Mode` to each request; this sends exactly these headers. */
async function exactly(
  method: string,
  url: string,
  headers: Record<string, string>,
): Promise<Answer<{ id?: string; error?: string }>> {
  const sent = httpRequest(url, { method, headers: { connection: 'close', ...headers } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await text(response);
  const isJson = /json/.test(response.headers['content-type'] ?? '');
  const answerHeaders = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  return {
    status: response.statusCode!,
    headers: answerHeaders,
    body: (isJson ? JSON.parse(body) : body) as { id?: string },
  };
}

/** The headers of what a browser sends for a page, in the words of Fetch Metadata. */
const from = (site: string, mode = 'cors', dest = 'empty') => ({
  'sec-fetch-site': site,
  'sec-fetch-mode': mode,
  'sec-fetch-dest': dest,
});

/** A request, and whether it may read (GET), change something (POST), and open a socket. */
const requests: [string, Record<string, string>, { GET: boolean; POST: boolean; socket: boolean }][] = [
  ['a script of the own page', from('same-origin'), { GET: true, POST: true, socket: true }],
  ['an own form', from('same-origin', 'navigate', 'document'), { GET: true, POST: true, socket: true }],
  ['the address bar', from('none', 'navigate', 'document'), { GET: true, POST: true, socket: true }],
  ['an allowed origin', { ...from('cross-site'), origin: ALLOWED }, { GET: true, POST: true, socket: true }],
  ['an allowed origin, by an old browser', { origin: ALLOWED }, { GET: true, POST: true, socket: true }],
  ['the own origin, by an old browser', { origin: 'own' }, { GET: true, POST: true, socket: true }],
  ['a link on another site', from('cross-site', 'navigate', 'document'), { GET: true, POST: false, socket: false }],
  ['a link on another subdomain', from('same-site', 'navigate', 'document'), { GET: true, POST: false, socket: false }],
  [
    'a form of another site',
    { ...from('cross-site', 'navigate', 'document'), origin: 'https://evil.example' },
    { GET: false, POST: false, socket: false },
  ],
  ['a frame on another site', from('cross-site', 'navigate', 'iframe'), { GET: false, POST: false, socket: false }],
  ['an image on another site', from('cross-site', 'no-cors', 'image'), { GET: false, POST: false, socket: false }],
  ['an image on another subdomain', from('same-site', 'no-cors', 'image'), { GET: false, POST: false, socket: false }],
  [
    'a script of another subdomain',
    { ...from('same-site'), origin: 'https://evil.app.example' },
    { GET: false, POST: false, socket: false },
  ],
  ['another site, by an old browser', { origin: 'https://evil.example' }, { GET: false, POST: false, socket: false }],
  ['a sandboxed frame', { origin: 'null' }, { GET: false, POST: false, socket: false }],
  ['nobody knows which page', {}, { GET: true, POST: false, socket: false }],
];

for (const adapter of adapters) {
  describe(`the access token in a cookie (${adapter})`, () => {
    const app = listening(adapter, {
      options: {
        cookie: { accessToken: true, allowedOrigins: [ALLOWED] },
        binding: { allowed: ['nonce', 'dpop'], nonceAtResources: true },
      },
      imports: [PassportModule],
      controllers: [PagesController],
      providers: [Gateway, ClosedGateway],
      configure: (app) => app.useWebSocketAdapter(new WsAdapter(app)),
      users: new HostUsers(),
    });
    const url = (path = '') => `${app.url}/pages${path}`;
    const own = ({ origin, ...headers }: Record<string, string>) =>
      origin === undefined ? headers : { ...headers, origin: origin === 'own' ? app.url : origin };
    const tokenIn = (answer: Answer) => cookiesSet(answer).find(({ name }) => name === NAME);
    const cookie = (...tokens: string[]) => ({ cookie: tokens.map((token) => `${NAME}=${token}`).join('; ') });

    test('is that of the body, and lives as long', async () => {
      const { answer, accessToken } = await signIn(app, { transport: 'cookie' });
      expect(tokenIn(answer)).toMatchObject({ value: accessToken, maxAge: answer.body.expires_in, httpOnly: true });
      const jar = {
        cookie: cookiesSet(answer)
          .map(({ name, value }) => `${name}=${value}`)
          .join('; '),
      };
      const refreshed = await send<{ access_token: string }>('POST', `${app.url}/auth/refresh`, { headers: jar });
      expect(tokenIn(refreshed)?.value).toBe(refreshed.body.access_token);
    });

    test('is not set for a session whose refresh token is in the body', async () => {
      expect(cookiesSet((await signIn(app)).answer)).toEqual([]);
    });

    test.each(requests)('used by %s', async (_, headers, allowed) => {
      const { accessToken } = await signIn(app);
      const sent = { ...own(headers), ...cookie(accessToken) };
      const controller = app.app.get(PagesController);
      const before = controller.changes;
      for (const method of ['GET', 'POST'] as const) {
        for (const path of ['', '/passport']) {
          const answer = await exactly(method, url(path), sent);
          const expected = allowed[method]
            ? { status: method === 'GET' ? 200 : 201, body: { id: 'user-alice' } }
            : { status: 403, body: { error: 'forbidden' } };
          expect(answer, `${method} ${path}`).toMatchObject(expected);
        }
      }
      expect(controller.changes - before).toBe(allowed.POST ? 1 : 0);

      const socket = await openWs(app.url, sent as Presented, '/closed');
      if (allowed.socket) {
        expect(await ask(socket, 'mine')).toEqual({ id: 'user-alice' });
        socket.close();
      } else {
        expect(await closed(socket)).toEqual({ code: 4403, reason: 'forbidden' });
      }
    });

    test('opens an EventSource of the own page, and none of another', async () => {
      const { accessToken } = await signIn(app);
      const events = (site: string) => exactly('GET', url('/events'), { ...from(site), ...cookie(accessToken) });
      expect(await events('same-origin')).toMatchObject({
        status: 200,
        body: expect.stringContaining('data: user-alice'),
      });
      for (const site of ['same-site', 'cross-site']) expect((await events(site)).status, site).toBe(403);
    });

    test('also opens the routes of the module, with the same check', async () => {
      const { accessToken } = await signIn(app);
      const ask = (method: string, path: string, site: string) =>
        exactly(method, `${app.url}/auth/${path}`, { ...from(site), ...cookie(accessToken) });
      expect((await ask('GET', 'me', 'same-origin')).status).toBe(200);
      expect((await ask('GET', 'me', 'same-site')).status).toBe(403);
      expect((await ask('POST', 'logout-all', 'cross-site')).status).toBe(403);
      expect((await ask('POST', 'logout-all', 'same-origin')).status).toBe(204);
    });

    test('gives way to the header, right or wrong', async () => {
      const [alice, bob] = [await signIn(app), await signIn(app, { username: 'bob' })];
      const both = { ...from('cross-site'), ...cookie(alice.accessToken) };
      expect((await exactly('POST', url(), { ...both, ...bearer(bob.accessToken) })).body).toEqual({ id: 'user-bob' });
      for (const authorization of ['Bearer junk', 'Bearer', 'Bearer a b', 'DPoP junk']) {
        const answer = await exactly('GET', url(), { ...both, ...from('same-origin'), authorization });
        expect(answer, authorization).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
      }
      const basic = { ...both, ...from('same-origin'), authorization: 'Basic c3RhZ2luZzpzdGFnaW5n' };
      expect((await exactly('GET', url(), basic)).body).toEqual({ id: 'user-alice' });
    });

    test('is refused as in the header once it has expired, or its session has ended', async () => {
      const [one, two] = [await signIn(app), await signIn(app)];
      await app.service.revoke(one.sessionId, 'ended_by_admin');
      const revoked = await exactly('GET', url(), { ...from('same-origin'), ...cookie(one.accessToken) });
      expect(revoked).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
      expect(revoked.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
      app.clock.advance(16 * MINUTE);
      const expired = await exactly('GET', url(), { ...from('same-origin'), ...cookie(two.accessToken) });
      expect(expired).toMatchObject({ status: 401, body: { error: 'token_expired' } });
      for (const junk of ['junk', '""', two.refreshToken, 'x'.repeat(8_000)]) {
        const answer = await exactly('GET', url(), { ...from('same-origin'), ...cookie(junk) });
        expect(answer.status, junk.slice(0, 9)).toBe(401);
      }
    });

    test('of one session is found among others, but not one of two sessions', async () => {
      const [alice, bob] = [await signIn(app), await signIn(app, { username: 'bob' })];
      const get = (...tokens: string[]) => exactly('GET', url(), { ...from('same-origin'), ...cookie(...tokens) });
      expect((await get('junk', alice.accessToken, `${alice.accessToken}x`)).body).toEqual({ id: 'user-alice' });
      expect((await get(alice.accessToken, alice.accessToken)).body).toEqual({ id: 'user-alice' });
      expect(await get(bob.accessToken, alice.accessToken)).toMatchObject({
        status: 401,
        body: { error: 'invalid_token' },
      });
      app.clock.advance(10 * MINUTE);
      const newer = (await app.service.refresh(alice.refreshToken)).accessToken;
      app.clock.advance(6 * MINUTE);
      expect((await get(alice.accessToken, newer)).body, 'the older one has expired').toEqual({ id: 'user-alice' });
    });

    test('of a session with a client nonce needs the cookie of the nonce', async () => {
      const { answer, accessToken } = await signIn(app, { transport: 'cookie', bind: 'nonce' });
      expect(tokenIn(answer)?.value).toBe(accessToken);
      const all = {
        cookie: cookiesSet(answer)
          .map(({ name, value }) => `${name}=${value}`)
          .join('; '),
      };
      expect((await exactly('GET', url(), { ...from('same-origin'), ...all })).status).toBe(200);
      const alone = await exactly('GET', url(), { ...from('same-origin'), ...cookie(accessToken) });
      expect(alone).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
    });

    test('is not set for a token that is bound to a key, which also removes that of the session before', async () => {
      const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
      const answer = await client.login({ username: 'alice', password: 'alice-password', transport: 'cookie' });
      expect(answer.body.token_type).toBe('DPoP');
      expect(tokenIn(answer)).toMatchObject({ value: '', maxAge: 0, path: '/', secure: true });
      const stolen = await exactly('GET', url(), { ...from('same-origin'), ...cookie(answer.body.access_token) });
      expect(stolen).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
    });

    test('is not set for a token that browsers would drop; the session works without it', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const { bob } = Object.fromEntries(app.users.users) as { bob: { id: string; roles: string[] } };
      const roles = Array.from({ length: 300 }, (_, index) => `role-${index}`);
      app.users.users.set('bob', { ...bob, roles });
      onTestFinished(() => {
        app.users.users.set('bob', bob);
        warn.mockRestore();
      });
      for (let login = 0; login < 2; login++) {
        const { answer, accessToken } = await signIn(app, { username: 'bob', transport: 'cookie' });
        expect(claimsOf(accessToken).roles).toEqual(roles);
        expect(tokenIn(answer)).toMatchObject({ value: '', maxAge: 0 });
        expect((await exactly('GET', url(), bearer(accessToken))).body).toEqual({ id: 'user-bob' });
      }
      expect(warn.mock.calls).toEqual([[expect.stringMatching(/An access token has no cookie.*Return fewer roles/)]]);
    });

    test('goes with a session that is replaced or idle for too long', async () => {
      const before = await signIn(app, { transport: 'cookie' });
      const jar = {
        cookie: cookiesSet(before.answer)
          .map(({ name, value }) => `${name}=${value}`)
          .join('; '),
      };
      const after = await signIn(app, { username: 'bob', transport: 'cookie' }, jar);
      expect(tokenIn(after.answer)?.value).toBe(after.accessToken);
      const replaced = await exactly('GET', url(), { ...from('same-origin'), ...cookie(before.accessToken) });
      expect(replaced).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
      app.clock.advance(8 * DAY);
      const headers = { cookie: `__Host-refresh_token=${after.refreshToken}` };
      const dead = await send('POST', `${app.url}/auth/refresh`, { headers });
      expect(dead.status).toBe(401);
      expect(tokenIn(dead)).toMatchObject({ value: '', maxAge: 0 });
    });
  });

  describe(`without the option, an access token in a cookie (${adapter})`, () => {
    const app = listening(adapter);

    test('is nothing', async () => {
      const { answer, accessToken } = await signIn(app, { transport: 'cookie' });
      expect(cookiesSet(answer).map(({ name }) => name)).toEqual(['__Host-refresh_token']);
      const headers = { ...from('same-origin'), cookie: `${NAME}=${accessToken}` };
      const me = await exactly('GET', `${app.url}/auth/me`, headers);
      expect(me).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
    });
  });
}
