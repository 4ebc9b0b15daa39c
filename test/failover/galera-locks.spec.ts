import { type AuthUser, Clock } from 'nestjs-refresh-token';
import type { DataSourceOptions } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import type { TestDatabase } from '../support/databases.js';
import { GaleraCluster, galeraAvailable } from '../support/galera.js';
import { newUser } from '../support/instances.js';

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

  const signInsAtOnce = (user: AuthUser) =>
    Promise.all(Array.from({ length: SIGN_INS }, (_, turn) => instances[turn % 3].service.issue(user)));

  it.for(Array.from({ length: ROUNDS }, (_, round) => round))(
    `leaves ${LIMIT} of ${SIGN_INS} sessions that begin at three nodes at once (round %i)`,
    async () => {
      const user = newUser(instances);
      const begun = (await signInsAtOnce(user)).map(({ sessionId }) => sessionId);
      expect(new Set(begun).size).toBe(SIGN_INS);
      // Writes are applied a moment later on the other nodes.
      const rows: { id: string; live: string }[] = await instances[0].dataSource.query(
        `SET STATEMENT wsrep_sync_wait = 1 FOR
         SELECT id, revoked_at IS NULL AS live FROM refresh_tokens WHERE user_id = '${user.id}'`,
      );
      expect(rows.map(({ id }) => id).sort()).toEqual(begun.sort());
      expect(rows.filter(({ live }) => Number(live) === 1)).toHaveLength(LIMIT);
    },
  );
});
