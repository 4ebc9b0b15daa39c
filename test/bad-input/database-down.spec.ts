import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Adapter, adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { bearer, cookieHeader, cookiesSet, login, refresh, send } from '../support/http.js';
import { claimsOf, signIn } from '../support/listening.js';
import { expectRefusal } from '../support/refused.js';
import { StatementProxy } from '../support/statement-proxy.js';

const OUTAGE = { status: 503, error: 'temporarily_unavailable' };
const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };
const UPDATE = 'UPDATE "public"."refresh_tokens"';

for (const adapter of adapters) {
  describe(`a database that goes away (${adapter})`, () => {
    const { app, proxy, rows } = behindProxy(adapter);

    test('is 503 on every route that needs it, and all is as before when it is back', async () => {
      const session = await signIn(app);
      const inCookie = await signIn(app, { transport: 'cookie' });
      const [access, before] = [bearer(session.accessToken), await rows()];
      await proxy().cut();
      for (const [method, path, request] of [
        ['POST', 'login', { body: ALICE }],
        ['POST', 'refresh', { body: { refresh_token: session.refreshToken } }],
        ['POST', 'refresh', { headers: cookieHeader(inCookie.refreshToken) }],
        ['POST', 'logout', { body: { refresh_token: session.refreshToken } }],
        ['POST', 'logout', { headers: access }],
        ['POST', 'logout-all', { headers: access }],
        ['GET', 'sessions', { headers: access }],
        ['DELETE', `sessions/${session.sessionId}`, { headers: access }],
      ] as const) {
        const answer = await send(method, `${app.url}/auth/${path}`, request);
        expectRefusal(answer, OUTAGE, [session.refreshToken, inCookie.refreshToken, session.accessToken]);
        expect(cookiesSet(answer)).toEqual([]);
      }
      expect((await send('GET', `${app.url}/auth/me`, { headers: access })).status).toBe(200);
      await proxy().restore();

      expect(await rows()).toEqual(before);
      expect((await refresh(app.url, session.refreshToken)).status).toBe(200);
      expect((await refresh(app.url, undefined, cookieHeader(inCookie.refreshToken))).status).toBe(200);
    });

    test('refuses what was never issued as ever: that needs no database', async () => {
      await proxy().cut();
      const answer = await refresh(app.url, `nrt_${'A'.repeat(128)}`);
      await proxy().restore();
      expectRefusal(answer, { status: 401, error: 'invalid_grant' });
    });

    test('and comes back between two requests is not noticed for long', async () => {
      const { refreshToken } = await signIn(app);
      await proxy().cut();
      await proxy().restore();
      const answer = await refresh(app.url, refreshToken);
      if (answer.status !== 200) expectRefusal(answer, OUTAGE, [refreshToken]);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  });

  describe(`a connection that breaks in the middle of a refresh (${adapter})`, () => {
    const { app, proxy, rows } = behindProxy(adapter);
    // On a connection that is new, the text of each statement passes by the proxy.
    beforeEach(async () => {
      await proxy().cut();
      await proxy().restore();
      await signIn(app).catch(() => signIn(app));
    });
    const generationOf = async (id: string) => (await rows()).find((row) => row.id === id)?.generation;

    test('at the SELECT: it is repeated on another connection', async () => {
      const { refreshToken, sessionId } = await signIn(app);
      const broken = proxy().cutAt('SELECT "id"', 'before');
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
      await broken;
      expect(await generationOf(sessionId)).toBe('1');
    });

    test('before the server gets the UPDATE: 503, nothing is consumed, and the same token refreshes', async () => {
      const { refreshToken, sessionId } = await signIn(app);
      const broken = proxy().cutAt(UPDATE, 'before');
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      await broken;
      expect(await generationOf(sessionId)).toBe('0');

      const { body } = await refresh(app.url, refreshToken);
      expect(claimsOf(body.access_token).gen).toBe(1);
      expect((await refresh(app.url, body.refresh_token)).status).toBe(200);
    });

    test('after the server has done the UPDATE: 503, and the same token gets the successor', async () => {
      const { refreshToken, sessionId } = await signIn(app);
      const broken = proxy().cutAt(UPDATE, 'after');
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      await broken;
      expect(await generationOf(sessionId)).toBe('1');

      const [one, two] = [await refresh(app.url, refreshToken), await refresh(app.url, refreshToken)];
      expect(one.status).toBe(200);
      expect(two.body.refresh_token).toBe(one.body.refresh_token);
      expect(await generationOf(sessionId)).toBe('1');
      expect((await refresh(app.url, one.body.refresh_token)).status).toBe(200);
    });

    test.each(['before', 'after'] as const)('%s the UPDATE of a logout: 503, and it can be repeated', async (when) => {
      const { refreshToken } = await signIn(app);
      const broken = proxy().cutAt(UPDATE, when);
      const body = { refresh_token: refreshToken };
      expectRefusal(await send('POST', `${app.url}/auth/logout`, { body }), OUTAGE, [refreshToken]);
      await broken;
      expect((await send('POST', `${app.url}/auth/logout`, { body })).status).toBe(204);
      expect((await refresh(app.url, refreshToken)).status).toBe(401);
    });

    test('at the INSERT of a login: 503, and the next one succeeds', async () => {
      const { refreshToken } = await signIn(app);
      await proxy().cut();
      await proxy().restore();
      await refresh(app.url, refreshToken);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
      const broken = proxy().cutAt('INSERT INTO "public"."refresh_tokens"', 'before');
      expectRefusal(await login(app.url, ALICE), OUTAGE);
      await broken;
      expect((await login(app.url, ALICE)).status).toBe(200);
    });
  });
}

/** An app that reaches PostgreSQL through a proxy, and a view of the rows without the proxy. */
function behindProxy(adapter: Adapter) {
  const app = {} as AuthApp;
  let database: TestDatabase;
  let proxy: StatementProxy;
  let direct: pg.Client;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    direct = new pg.Client({ connectionString: database.url });
    await direct.connect();
    proxy = await StatementProxy.before(database.url!);
    const url = proxy.urlOf(database.url!);
    Object.assign(
      app,
      await createAuthApp(adapter, database, { dataSource: { type: 'postgres', url, logging: false } }),
    );
    app.app.useLogger(false);
  });
  afterAll(async () => {
    await app.close?.();
    await proxy.close();
    await direct.end();
    await database.drop();
  });
  const rows = async () =>
    (await direct.query<{ id: string; generation: string }>('SELECT * FROM refresh_tokens ORDER BY id')).rows;
  return { app, proxy: () => proxy, rows };
}
