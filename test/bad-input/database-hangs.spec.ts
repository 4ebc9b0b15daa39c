import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest';
import { type AuthApp, createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { claimsOf, signIn } from '../support/listening.js';
import { expectRefusal } from '../support/refused.js';
import { StatementProxy } from '../support/statement-proxy.js';

const OUTAGE = { status: 503, error: 'temporarily_unavailable' };
const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };
/** Far more than a statement takes. One that writes is given six times as long. */
const TIMEOUT = '1500ms';
/** Each test waits for seconds, so all of them wait together. */
const WAITING = { concurrent: true, timeout: 90_000 };

const servers = [
  { name: 'postgres', select: 'SELECT "id"', update: 'UPDATE "', connectTimeout: 'connectTimeoutMS' },
  { name: 'mariadb', select: 'SELECT `id`', update: 'UPDATE `', connectTimeout: 'connectTimeout' },
] as const;

for (const { name, select, update, connectTimeout } of servers) {
  describe.skipIf(!databaseNamed(name).available)(`a database that answers nothing any more (${name})`, WAITING, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await databaseNamed(name).create();
      const migrated = await createAuthContext(database);
      await migrated.close();
    });
    afterAll(() => database?.drop());

    /** An application that reaches the database through a proxy. */
    async function start({ onTestFinished }: TestContext): Promise<{ app: AuthApp; proxy: StatementProxy }> {
      const proxy = await StatementProxy.before(database.url!);
      onTestFinished(() => proxy.close());
      const url = proxy.urlOf(database.url!);
      // On a pool of one connection, one that is still taken would be missed. Each statement's text is sent as it is.
      const dataSource = { url, poolSize: 1, [connectTimeout]: 1_500 };
      const options = { databaseTimeout: TIMEOUT, preparedStatements: false, revocation: { delay: '10m' } };
      const app = await createAuthApp('express', database, { dataSource: dataSource as object, options });
      // Before the proxy: its connections hang.
      onTestFinished(() => app.close());
      app.app.useLogger(false);
      return { app, proxy };
    }

    test('is 503 on every route that needs it, and all is well when it is back', async (context) => {
      const { expect } = context;
      const { app, proxy } = await start(context);
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

    test.for(['before', 'after'] as const)('%s the SELECT: the token is as good as ever', async (when, context) => {
      const { expect } = context;
      const { app, proxy } = await start(context);
      const { refreshToken } = await signIn(app);
      proxy.hangAt(select, when);
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      const { body } = await refresh(app.url, refreshToken);
      expect(claimsOf(body.access_token).gen).toBe(1);
    });

    test('before it gets the UPDATE: the token is as good as ever', async (context) => {
      const { expect } = context;
      const { app, proxy } = await start(context);
      const { refreshToken } = await signIn(app);
      proxy.hangAt(update, 'before');
      expectRefusal(await refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      const { body } = await refresh(app.url, refreshToken);
      expect(claimsOf(body.access_token).gen).toBe(1);
      expect(app.events.at(-1)).toMatchObject({ type: 'refreshed' });
    });

    test('when it has done the UPDATE: the same token gets the successor that nobody has heard of', async (context) => {
      const { expect } = context;
      const { app, proxy } = await start(context);
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
