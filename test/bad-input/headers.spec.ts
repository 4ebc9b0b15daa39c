import { type OutgoingHttpHeaders, request } from 'node:http';
import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type Answer, type AuthBody, bearer, cookieHeader, login, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { CANARY, expectRefused } from '../support/refused.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };
const LONG = CANARY.padEnd(10_000, 'x');

/** As `fetch` would not send it: a header more than once, or one that it keeps for itself. */
function sendOdd(method: string, url: string, headers: Record<string, string | string[]>): Promise<Answer<AuthBody>> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: headers as OutgoingHttpHeaders }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        const fields = Object.entries(response.headersDistinct).flatMap(([name, values]) =>
          values!.map((value) => [name, value] as [string, string]),
        );
        const body = (text === '' ? undefined : JSON.parse(text)) as AuthBody;
        resolve({ status: response.statusCode!, headers: new Headers(fields), body });
      });
    });
    sent.on('error', reject).end();
  });
}

for (const adapter of adapters) {
  describe(`huge and odd headers (${adapter})`, () => {
    // Where a column has a length.
    const app = listening(adapter, { database: 'postgres', trustProxy: true, quiet: true });
    const sessionsOf = async (accessToken: string) =>
      (await send<Record<string, string>[]>('GET', `${app.url}/auth/sessions`, { headers: bearer(accessToken) })).body;

    test('a User-Agent of 10 kB is kept in part', async () => {
      const { accessToken, refreshToken, sessionId } = await signIn(app, {}, { 'user-agent': LONG });
      expect((await refresh(app.url, refreshToken, { 'user-agent': LONG })).status).toBe(200);
      const session = (await sessionsOf(accessToken)).find(({ id }) => id === sessionId)!;
      expect(session.user_agent).toBe(LONG.slice(0, 512));
    });

    test('a User-Agent of odd bytes is no hindrance', async () => {
      const { refreshToken } = await signIn(app, {}, { 'user-agent': `\u00ff\u00c3\u0028 \t ${CANARY}` });
      const answer = await sendOdd('POST', `${app.url}/auth/refresh`, {
        ...cookieHeader(refreshToken),
        'user-agent': ['one', 'two'],
      });
      expect(answer.status).toBe(200);
    });

    test.each([
      ['long', 'x'.repeat(5_000)],
      ['no address', '<script>'],
      ['an address with a zone', `fe80::1%${'z'.repeat(60)}`],
      ['an address and something more', '203.0.113.9:4711:1'],
      ['an address with an invalid port', '203.0.113.9:http'],
      ['empty', ','],
    ])('a forwarded address that is %s is no hindrance, and is not kept', async (_, forwarded) => {
      const headers = { 'x-forwarded-for': forwarded };
      const answer = await login(app.url, ALICE, headers);
      expect(answer.status).toBe(200);
      expect((await refresh(app.url, answer.body.refresh_token, headers)).status).toBe(200);
      const session = (await sessionsOf(answer.body.access_token)).find(({ id }) => id === answer.body.session_id)!;
      expect(session.ip === null || isIP(session.ip) > 0, session.ip).toBe(true);
    });

    // Some proxies write the client's port after it (Azure Application Gateway), or brackets around it (RFC 7239 §6).
    test.each([
      ['203.0.113.9', '203.0.113.9'],
      ['203.0.113.9:4711', '203.0.113.9'],
      ['::ffff:203.0.113.9', '203.0.113.9'],
      ['2001:db8::9', '2001:db8::9'],
      ['[2001:db8::9]', '2001:db8::9'],
      ['[2001:db8::9]:4711', '2001:db8::9'],
      ['[::ffff:203.0.113.9]:4711', '203.0.113.9'],
    ])('the forwarded address %s is kept as %s', async (forwarded, ip) => {
      const { body } = await login(app.url, ALICE, { 'x-forwarded-for': forwarded });
      const session = (await sessionsOf(body.access_token)).find(({ id }) => id === body.session_id)!;
      expect(session.ip).toBe(ip);
    });

    test.each([
      ['no token', 'Bearer'],
      ['a huge token', `Bearer ${LONG}`],
      ['a token with odd characters', `Bearer ${CANARY}\u00ff`],
      ['a token in quotes', `Bearer "${CANARY}"`],
      ['two values in one', `Bearer ${CANARY}, Bearer ${CANARY}`],
      ['dots alone', 'Bearer ..'],
      ['a name that objects have', 'Bearer __proto__.constructor.toString'],
    ])('an Authorization of %s', async (_, authorization) => {
      await signIn(app);
      for (const [method, path] of [
        ['GET', 'me'],
        ['GET', 'sessions'],
        ['POST', 'logout'],
        ['POST', 'logout-all'],
      ]) {
        const call = () => send(method, `${app.url}/auth/${path}`, { headers: { authorization } });
        await expectRefused(app, call, { status: 401, error: 'invalid_token' });
      }
    });

    test('two Authorization headers are never two users: one counts, or none', async () => {
      const [alice, bob] = [await signIn(app), await signIn(app, { username: 'bob' })];
      const authorization = [`Bearer ${alice.accessToken}`, `Bearer ${bob.accessToken}`];
      const answer = await sendOdd('GET', `${app.url}/auth/me`, { authorization });
      expect([200, 400, 401]).toContain(answer.status);
      if (answer.status === 200) expect(answer.body).toMatchObject({ id: 'user-alice' });
    });

    test('an access token in lower case is not that token, its scheme in lower case is the scheme', async () => {
      const { accessToken } = await signIn(app);
      const me = (authorization: string) => send('GET', `${app.url}/auth/me`, { headers: { authorization } });
      expect((await me(`bearer ${accessToken}`)).status).toBe(200);
      expect((await me(`Bearer ${accessToken.toLowerCase()}`)).status).toBe(401);
    });

    test.each([
      ['huge', LONG],
      ['no pairs', ';;;===;'],
      ['percent signs', '__Host-refresh_token=%zz%'],
      ['another token of the same name first', `__Host-refresh_token=${CANARY}; __Host-refresh_token=${CANARY}`],
      ['a name that objects have', '__proto__=1; constructor=2; toString=3'],
    ])('a Cookie that is %s', async (_, cookie) => {
      await signIn(app);
      const hasToken = cookie.includes('__Host-');
      const refusal = hasToken
        ? { status: 401, error: 'invalid_grant' }
        : { status: 400, error: 'refresh_token_missing' };
      await expectRefused(app, () => send('POST', `${app.url}/auth/refresh`, { headers: { cookie } }), refusal);
    });

    test('of two cookies with the name, at most one is consumed', async () => {
      const [one, two] = [await signIn(app), await signIn(app)];
      const cookie = `${cookieHeader(one.refreshToken).cookie}; ${cookieHeader(two.refreshToken).cookie}`;
      const answer = await refresh(app.url, undefined, { cookie });
      expect([200, 400]).toContain(answer.status);
      expect((await refresh(app.url, two.refreshToken)).status).toBe(200);
      expect((await refresh(app.url, one.refreshToken)).status).toBe(200);
    });

    test.each([
      ['Origin', { origin: LONG }],
      ['Sec-Fetch-Site', { 'sec-fetch-site': LONG }],
    ])('a huge %s is another site', async (_, headers) => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const call = () => refresh(app.url, undefined, { ...cookieHeader(refreshToken), ...headers });
      await expectRefused(app, call, { status: 403, error: 'forbidden' });
    });

    test('a Host of the attacker’s choice makes no page an own one', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const headers = { ...cookieHeader(refreshToken), host: 'own.example', origin: app.url };
      const call = () => sendOdd('POST', `${app.url}/auth/refresh`, headers);
      await expectRefused(app, call, { status: 403, error: 'forbidden' });
    });
  });
}
