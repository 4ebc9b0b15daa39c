import { type AuthUser, Clock } from 'nestjs-refresh-token';
import type { DataSource, DataSourceOptions } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import type { TestDatabase } from '../support/databases.js';
import { GaleraCluster, galeraAvailable } from '../support/galera.js';
import { newUser } from '../support/instances.js';

/**
 * Does something else before the next statement that ends the wait for the cluster within a transaction. The node then
 * aborts that transaction, and tells it at this statement.
 */
function interfere(dataSource: DataSource, work: () => Promise<unknown>): void {
  const create = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const runner = create(mode);
    const query = runner.query.bind(runner) as (...given: unknown[]) => Promise<unknown>;
    runner.query = (async (...given: unknown[]) => {
      if (runner.isTransactionActive && /^SET SESSION wsrep_sync_wait = 0$/.test(String(given[0]))) {
        dataSource.createQueryRunner = create;
        delete (runner as Partial<typeof runner>).query;
        await work();
      }
      return query(...given);
    }) as typeof runner.query;
    return runner;
  };
}

const LIMIT = 3;
const SIGN_INS = 20;
const ROUNDS = 3;

describe.skipIf(!galeraAvailable)('a limit of sessions per user on a Galera cluster', () => {
  let cluster: GaleraCluster;
  let instances: AuthContext[];
  beforeAll(async () => {
    cluster = await GaleraCluster.start(3);
    const name = await cluster.createDatabase();
    instances = [];
    for (const node of cluster.nodes) {
      const url = node.url(name);
      const database: TestDatabase = {
        name: 'mariadb',
        url,
        options: (entities, migrations, extra) =>
          ({ type: 'mariadb', url, entities, migrations, ...extra }) as DataSourceOptions,
        drop: async () => undefined,
      };
      instances.push(
        await createAuthContext(database, {
          clock: new Clock(),
          options: { refreshToken: { maxSessionsPerUser: LIMIT, onTooManySessions: 'end_oldest' } },
        }),
      );
    }
  });
  afterAll(async () => {
    for (const instance of instances ?? []) await instance.close();
    await cluster?.stop();
  });

  /** All sessions of the user at that node, with all that was committed before. */
  const sessionsAt = (node: number, user: AuthUser): Promise<{ id: string; live: string }[]> =>
    instances[node].dataSource.query(
      `SET STATEMENT wsrep_sync_wait = 1 FOR
       SELECT id, revoked_at IS NULL AS live FROM refresh_tokens WHERE user_id = '${user.id}'`,
    );
  const liveAt = async (node: number, user: AuthUser) =>
    (await sessionsAt(node, user)).filter(({ live }) => Number(live) === 1);
  const signInsAtOnce = (user: AuthUser) =>
    Promise.all(Array.from({ length: SIGN_INS }, (_, turn) => instances[turn % 3].service.issue(user)));

  it.for(Array.from({ length: ROUNDS }, (_, round) => round))(
    `leaves ${LIMIT} of ${SIGN_INS} sessions that begin at three nodes at once (round %i)`,
    async () => {
      const user = newUser(instances);
      const begun = (await signInsAtOnce(user)).map(({ sessionId }) => sessionId);
      expect(new Set(begun).size).toBe(SIGN_INS);
      const rows = await sessionsAt(0, user);
      expect(rows.map(({ id }) => id).sort()).toEqual(begun.sort());
      expect(rows.filter(({ live }) => Number(live) === 1)).toHaveLength(LIMIT);
    },
  );

  it(`leaves ${LIMIT} sessions if the node aborts a sign-in for one at another node`, async () => {
    const user = newUser(instances);
    for (let count = 0; count < LIMIT; count++) await instances[0].service.issue(user);
    await sessionsAt(1, user);

    interfere(instances[1].dataSource, async () => {
      await instances[0].service.issue(user);
      await sessionsAt(1, user);
    });
    const { sessionId } = await instances[1].service.issue(user);
    const live = await liveAt(0, user);
    expect(live).toHaveLength(LIMIT);
    expect(live.map(({ id }) => id)).toContain(sessionId);
  });

  it('ends no session in a transaction of the host that the node aborts, and the host is told', async () => {
    const user = newUser(instances);
    await instances[0].service.issue(user);
    const [first, second] = instances.map(({ dataSource }) => dataSource);
    await first.query('CREATE TABLE accounts (id INT PRIMARY KEY, password VARCHAR(9))');
    await first.query(`INSERT INTO accounts VALUES (1, 'old')`);
    await sessionsAt(1, user);

    interfere(second, async () => {
      await first.query(`UPDATE accounts SET password = 'theirs'`);
      await sessionsAt(1, user);
    });
    const change = second.transaction(async (manager) => {
      await manager.query(`UPDATE accounts SET password = 'mine'`);
      await instances[1].service.revokeAllOfUser(user.id, 'password_changed', { manager });
    });
    await expect(change).rejects.toThrow();
    expect(await liveAt(0, user)).toHaveLength(1);
    expect(await first.query('SELECT password FROM accounts')).toEqual([{ password: 'theirs' }]);
  });
});
