import { Clock, type IssuedTokens } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import type { TestDatabase } from '../support/databases.js';
import { refresh } from '../support/http.js';
import { serverDatabases } from '../support/two-servers.js';

const PARALLEL = 50;
const ALICE = { id: 'user-alice', roles: ['user'] };

for (const { name, available, create } of serverDatabases) {
  describe.skipIf(!available)(`a pool of one connection, on ${name}`, () => {
    let database: TestDatabase;
    let host: AuthApp;

    beforeAll(async () => {
      database = await create();
      host = await createAuthApp('fastify', database, {
        clock: new Clock(),
        dataSource: { poolSize: 1 },
        options: { refreshToken: { grace: '60s' } },
      });
      // As in a real host, loading the user takes the same connection.
      host.users.loadUser = async (id) => {
        await host.dataSource.query('SELECT 1');
        return { ...ALICE, id };
      };
    });
    afterAll(async () => {
      // First, because it ends the connection, for which a host that hangs would wait.
      await database?.drop();
      await host?.close();
    });

    const issue = (count: number): Promise<IssuedTokens[]> =>
      Promise.all(Array.from({ length: count }, () => host.service.issue(ALICE, { transport: 'body' })));

    it(`carries ${PARALLEL} parallel refreshes of different sessions`, async () => {
      const sessions = await issue(PARALLEL);
      const answers = await Promise.all(sessions.map(({ refreshToken }) => refresh(host.url, refreshToken)));
      expect(answers.map(({ status }) => status)).toEqual(Array(PARALLEL).fill(200));
    });

    it(`carries ${PARALLEL} parallel refreshes of one session`, async () => {
      const [{ refreshToken }] = await issue(1);
      const answers = await Promise.all(Array.from({ length: PARALLEL }, () => refresh(host.url, refreshToken)));
      expect(answers.map(({ status }) => status)).toEqual(Array(PARALLEL).fill(200));
      expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    });

    it('was indeed one', async () => {
      const [{ count }] = await host.dataSource.query(
        name === 'postgres'
          ? 'SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database()'
          : 'SELECT count(*) AS count FROM information_schema.processlist WHERE db = database()',
      );
      expect(Number(count)).toBe(1);
    });
  });
}
