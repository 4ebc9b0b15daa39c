import { describe, expect, test } from 'vitest';
import { databaseNamed } from '../support/databases.js';
import { login, refresh } from '../support/http.js';
import { signIn } from '../support/listening.js';
import {
  connectionsOpenedBy,
  onEachNewConnection,
  onEveryConnection,
  POOL,
  startWithPool,
  warmUp,
} from '../support/pools.js';
import { eventually } from '../support/eventually.js';

const BOB = { username: 'bob', password: 'bob-password', transport: 'body' as const };

for (const name of ['postgres', 'mariadb'] as const) {
  const { available } = databaseNamed(name);
  const onlyReads =
    name === 'postgres' ? 'SET default_transaction_read_only = on' : 'SET SESSION TRANSACTION READ ONLY';

  describe.skipIf(!available)(`a server that is to blame, on ${name}`, () => {
    test.for([
      { title: 'a pool', replicated: false },
      { title: 'a pool beside those of replicas', replicated: true },
    ])('a missing table: 503, and $title keeps its connections', async ({ replicated }) => {
      const host = await startWithPool(name, (url) =>
        replicated ? { replication: { master: { url }, slaves: [{ url }] } } : {},
      );
      await warmUp(host);
      const { refreshToken } = await signIn(host);
      const opened = connectionsOpenedBy(host);
      await host.operator.query('ALTER TABLE refresh_tokens RENAME TO elsewhere');
      const startedAt = performance.now();
      for (let request = 0; request < 50; request++) expect((await refresh(host.url, refreshToken)).status).toBe(503);
      const seconds = Math.floor((performance.now() - startedAt) / 1_000);
      // In each second one caller finds out, with a new connection. The revocation list may need one at the same time.
      expect(opened.mock.calls.length).toBeLessThanOrEqual(2 * (1 + seconds));

      await host.operator.query('ALTER TABLE elsewhere RENAME TO refresh_tokens');
      const after = await refresh(host.url, refreshToken);
      expect([after.status, after.body.generation]).toEqual([200, 1]);
    });

    test('a pool that was filled meanwhile: all is well a second after the server', async () => {
      const app = await startWithPool(name);
      await warmUp(app);
      const { refreshToken } = await signIn(app);
      const repair = onEachNewConnection(app, onlyReads);
      await onEveryConnection(app, (runner) => runner.query(onlyReads));
      await Promise.all(Array.from({ length: 4 * POOL }, () => refresh(app.url, refreshToken)));

      repair();
      const repairedAt = performance.now();
      const well = await eventually(async () => {
        const answer = await refresh(app.url, refreshToken);
        expect(answer.status).toBe(200);
        return answer;
      });
      // Far less than a second for each connection.
      expect(performance.now() - repairedAt).toBeLessThan((POOL * 1_000) / 2);
      expect(well.body.generation).toBe(1);
    });

    test('more bad connections than most pools have: one refresh gets through', async () => {
      const app = await startWithPool(name, () => ({ poolSize: 30 }));
      const { refreshToken } = await signIn(app);
      await onEveryConnection(app, (runner) => runner.query(onlyReads));
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test('no connection is free: each answer is 503 after the limit for a SELECT', async () => {
      const app = await startWithPool(name, () => ({ poolSize: 2 }), { databaseTimeout: '1s' });
      const { refreshToken } = await signIn(app);
      const holders = [app.dataSource.createQueryRunner(), app.dataSource.createQueryRunner()];
      await Promise.all(holders.map((holder) => holder.connect()));
      const startedAt = performance.now();
      const answers = await Promise.all([refresh(app.url, refreshToken), login(app.url, BOB)]);
      const waited = performance.now() - startedAt;
      await Promise.all(holders.map((holder) => holder.release()));
      expect(answers.map(({ status }) => status)).toEqual([503, 503]);
      // A statement that writes may take six seconds.
      expect(waited).toBeLessThan(5_500);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  });
}

describe.skipIf(!databaseNamed('mariadb').available)('a server whose connections do not commit', () => {
  test('is answered with 503, and nothing is believed', async () => {
    const app = await startWithPool('mariadb');
    const { refreshToken, sessionId } = await signIn(app);
    onEachNewConnection(app, 'SET autocommit = 0');
    await onEveryConnection(app, (runner) => runner.query('SET autocommit = 0'));
    expect((await refresh(app.url, refreshToken)).status).toBe(503);
    expect((await login(app.url, BOB)).status).toBe(503);
    await expect(app.service.revoke(sessionId, 'logout')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
  });
});
