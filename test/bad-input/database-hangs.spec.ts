import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { claimsOf, signIn } from '../http/listening.js';
import { expectRefusal } from './refused.js';
import { TcpProxy } from './tcp-proxy.js';

const OUTAGE = { status: 503, error: 'temporarily_unavailable' };
const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };
/** Far more than a statement takes. One that writes is given six times as long. */
const PATIENCE = '1500ms';
const LIMIT = { timeout: 90_000 };

const servers = [
  { name: 'postgres', select: 'SELECT "id"', update: 'UPDATE "refresh_tokens"', connectTimeout: 'connectTimeoutMS' },
  { name: 'mariadb', select: 'SELECT `id`', update: 'UPDATE `refresh_tokens`', connectTimeout: 'connectTimeout' },
] as const;

for (const { name, select, update, connectTimeout } of servers) {
  describe.skipIf(!databaseNamed(name).available)(`a database that answers nothing any more (${name})`, () => {
    let app: AuthApp;
    let database: TestDatabase;
    let proxy: TcpProxy;
    beforeAll(async () => {
      database = await databaseNamed(name).create();
      proxy = await TcpProxy.before(database.url!);
      const url = proxy.urlOf(database.url!);
      // On a pool of one connection, one that is still taken would be missed. Each statement's text is sent as it is.
      const dataSource = { url, poolSize: 1, [connectTimeout]: 1_500 };
      const options = { databaseTimeout: PATIENCE, preparedStatements: false, revocation: { delay: '10m' } };
      app = await createAuthApp('express', database, { dataSource: dataSource as object, options });
      app.app.useLogger(false);
    });
    afterAll(async () => {
      await app?.close();
      await proxy?.close();
      await database?.drop();
    });

    test('is 503 on every route that needs it, and all is well when it is back', LIMIT, async () => {
      const { refreshToken, accessToken } = await signIn(app);
      proxy.hang();
      const headers = bearer(accessToken);
      const answers = await Promise.all([
        refresh(app.url, refreshToken),
        login(app.url, ALICE),
        send('POST', `${app.url}/auth/logout`, { body: { refresh_token: refreshToken } }),
        send('GET', `${app.url}/auth/sessions`, { headers }),
      ]);
      for (const answer of answers) expectRefusal(answer, OUTAGE, [refreshToken, accessToken]);
      expect((await send('GET', `${app.url}/auth/me`, { headers })).status).toBe(200);
      proxy.recover();

      // One more attempt to connect may have begun before.
      await expect.poll(async () => (await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test.each(['before', 'after'] as const)('%s the SELECT: the token is as good as ever', LIMIT, async (when) => {
      const { refreshToken } = await signIn(app);
      proxy.hangAt(select, when);
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      const { body } = await refresh(app.url, refreshToken);
      expect(claimsOf(body.access_token).gen).toBe(1);
    });

    test('before it gets the UPDATE: the token is as good as ever', LIMIT, async () => {
      const { refreshToken } = await signIn(app);
      proxy.hangAt(update, 'before');
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      const { body } = await refresh(app.url, refreshToken);
      expect(claimsOf(body.access_token).gen).toBe(1);
      expect(app.events.at(-1)).toMatchObject({ type: 'refreshed' });
    });

    test('when it has done the UPDATE: the same token gets the successor that nobody has heard of', LIMIT, async () => {
      const { refreshToken } = await signIn(app);
      proxy.hangAt(update, 'after');
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      const [one, two] = [await refresh(app.url, refreshToken), await refresh(app.url, refreshToken)];
      expect(app.events.at(-1)).toMatchObject({ type: 'refresh_repeated', generation: 1 });
      expect(two.body.refresh_token).toBe(one.body.refresh_token);
      expect(claimsOf((await refresh(app.url, one.body.refresh_token)).body.access_token).gen).toBe(2);
    });
  });
}
