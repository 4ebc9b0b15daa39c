import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp, SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type Answer, type AuthBody, bearer, cookiesSet, login, send } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', bind: 'nonce' } as const;
const TOKEN = '__Host-refresh_token';
const NONCE = '__Host-client_nonce';

describe.each(adapters)('a client nonce, on %s', (adapter) => {
  let database: TestDatabase;
  let app: AuthApp;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    app = await createAuthApp(adapter, database);
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const refresh = (body: object | undefined, cookies: Record<string, string> = {}): Promise<Answer<AuthBody>> => {
    const cookie = Object.entries(cookies).map((pair) => pair.join('='));
    return send('POST', `${app.url}/auth/refresh`, {
      body,
      headers: cookie.length ? { cookie: cookie.join('; ') } : {},
    });
  };
  const cookieOf = (answer: Answer, name: string) => cookiesSet(answer).find((cookie) => cookie.name === name);

  describe('in the body', () => {
    const signIn = async () => (await login(app.url, { ...ALICE, transport: 'body' })).body;

    it('is given once, at login', async () => {
      const { client_nonce: nonce, refresh_token: token } = await signIn();
      expect(nonce).toMatch(/^[\w-]{43}$/);
      const { status, body } = await refresh({ refresh_token: token, client_nonce: nonce });
      expect(status).toBe(200);
      expect(body).not.toHaveProperty('client_nonce');
    });

    it('is given to nobody who has not asked', async () => {
      const { body } = await login(app.url, { ...ALICE, bind: undefined, transport: 'body' });
      expect(body).not.toHaveProperty('client_nonce');
      expect((await refresh({ refresh_token: body.refresh_token })).status).toBe(200);
    });

    it.each([
      ['missing', () => undefined],
      ['empty', () => ''],
      ['another', () => 'A'.repeat(43)],
      ['that of another session', async () => (await signIn()).client_nonce],
      ['shortened', (nonce: string) => nonce.slice(0, -1)],
    ])('%s: invalid_grant, and the session lives', async (_, change) => {
      const { client_nonce: nonce, refresh_token: token } = await signIn();
      const { status, body } = await refresh({ refresh_token: token, client_nonce: await change(nonce) });
      expect([status, body.error]).toEqual([401, 'invalid_grant']);
      expect((await refresh({ refresh_token: token, client_nonce: nonce })).status).toBe(200);
    });

    it.each([
      ['a number', 5],
      ['a list', ['x']],
      ['an object', { $gt: '' }],
      ['true', true],
      ['null', null],
      ['endless', 'x'.repeat(5000)],
    ])('%s: invalid_request, and the session lives', async (_, bad) => {
      const { client_nonce: nonce, refresh_token: token } = await signIn();
      const { status, body } = await refresh({ refresh_token: token, client_nonce: bad });
      expect([status, body.error]).toEqual([400, 'invalid_request']);
      expect((await refresh({ refresh_token: token, client_nonce: nonce })).status).toBe(200);
    });

    it('counts in no cookie', async () => {
      const { client_nonce: nonce, refresh_token: token } = await signIn();
      expect((await refresh({ refresh_token: token }, { [NONCE]: nonce })).status).toBe(401);
    });
  });

  describe('in a cookie', () => {
    const signIn = async () => {
      const answer = await login(app.url, { ...ALICE, transport: 'cookie' });
      return { answer, token: cookieOf(answer, TOKEN)!.value!, nonce: cookieOf(answer, NONCE)!.value! };
    };

    it('is given in a second cookie with the same attributes, and in no body', async () => {
      const { answer, nonce } = await signIn();
      expect(JSON.stringify(answer.body)).not.toContain(nonce);
      const { name: tokenName, value: tokenValue, ...attributes } = cookieOf(answer, TOKEN)!;
      expect([tokenName, tokenValue]).not.toContain(nonce);
      expect(cookieOf(answer, NONCE)).toEqual({ name: NONCE, value: nonce, ...attributes });
      expect(attributes).toMatchObject({ httpOnly: true, secure: true, sameSite: 'strict', path: '/' });
    });

    it('is given anew at each refresh, so that it lives as long as the session', async () => {
      const { token, nonce } = await signIn();
      app.clock.advance(24 * 3_600_000);
      const answer = await refresh(undefined, { [TOKEN]: token, [NONCE]: nonce });
      expect(answer.status).toBe(200);
      expect(cookieOf(answer, NONCE)).toMatchObject({ value: nonce, maxAge: cookieOf(answer, TOKEN)!.maxAge });
    });

    it('is needed', async () => {
      const { token, nonce } = await signIn();
      const refused = await refresh(undefined, { [TOKEN]: token });
      expect(refused.status).toBe(401);
      // Nothing was consumed, so the cookie stays.
      expect(cookieOf(refused, TOKEN)).toBeUndefined();
      expect((await refresh({ client_nonce: nonce }, { [TOKEN]: token })).status).toBe(401);
      expect((await refresh(undefined, { [TOKEN]: token, [NONCE]: nonce })).status).toBe(200);
    });

    it('of an earlier session is taken back by one that has none, and never given again', async () => {
      for (const stray of [(await signIn()).nonce, 'z'.repeat(3000)]) {
        const cookie = { cookie: `${NONCE}=${stray}` };
        const answer = await login(app.url, { ...ALICE, bind: undefined, transport: 'cookie' }, cookie);
        expect(cookieOf(answer, NONCE)).toMatchObject({ value: '', maxAge: 0 });
        const again = await refresh(undefined, { [TOKEN]: cookieOf(answer, TOKEN)!.value!, [NONCE]: stray });
        expect(again.status).toBe(200);
        expect(cookieOf(again, NONCE)).toMatchObject({ value: '', maxAge: 0 });
      }
    });

    it('is taken back at logout', async () => {
      const { token, nonce } = await signIn();
      const answer = await send('POST', `${app.url}/auth/logout`, {
        headers: { cookie: `${TOKEN}=${token}; ${NONCE}=${nonce}` },
      });
      expect(cookieOf(answer, TOKEN)).toMatchObject({ value: '', maxAge: 0 });
      expect(cookieOf(answer, NONCE)).toMatchObject({ value: '', maxAge: 0 });
    });
  });

  it('is asked for on guarded routes too, where that is wanted of cookies', async () => {
    const strict = await createAuthApp(adapter, database, {
      options: { binding: { nonceAtResources: true } },
      clock: app.clock,
    });
    const me = (accessToken: string, nonce?: string) =>
      send<{ error: string }>('GET', `${strict.url}/auth/me`, {
        headers: { ...bearer(accessToken), ...(nonce && { cookie: `${NONCE}=${nonce}` }) },
      });
    const answer = await login(strict.url, { ...ALICE, transport: 'cookie' });
    const nonce = cookieOf(answer, NONCE)!.value!;
    for (const wrong of [undefined, 'x', 'A'.repeat(43)]) {
      const refused = await me(answer.body.access_token, wrong);
      expect([refused.status, refused.body.error]).toEqual([401, 'invalid_token']);
    }
    expect((await me(answer.body.access_token, nonce)).status).toBe(200);

    const inBody = await login(strict.url, { ...ALICE, transport: 'body' });
    expect((await me(inBody.body.access_token)).status).toBe(200);
    await strict.close();
  });

  it('is nowhere in the database, nor in any event', async () => {
    const { body } = await login(app.url, { ...ALICE, transport: 'body' });
    await refresh({ refresh_token: body.refresh_token, client_nonce: body.client_nonce });
    const told = JSON.stringify([await app.dataSource.query('SELECT * FROM refresh_tokens'), app.events]);
    expect(told).not.toContain(body.client_nonce);
  });

  it('survives a change of the secret, and the removal of the old one after a refresh', async () => {
    const next = 'x3Kp-a-new-secret-7Yb2LqW9zR4mT8vN1cF6';
    const { body } = await login(app.url, { ...ALICE, transport: 'body' });
    let token = body.refresh_token;
    for (const secret of [[next, SECRET], [next]]) {
      const other = await createAuthApp(adapter, database, { options: { secret }, clock: app.clock });
      const answer = await send<AuthBody>('POST', `${other.url}/auth/refresh`, {
        body: { refresh_token: token, client_nonce: body.client_nonce },
      });
      expect(answer.status).toBe(200);
      token = answer.body.refresh_token;
      await other.close();
    }
  });
});
