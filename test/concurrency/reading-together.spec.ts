import type { AuthUser } from 'nestjs-refresh-token';
import { beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../support/every-database.js';
import { createAuthContext, HostUsers } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { recordStatements } from '../support/recorded-statements.js';

const PARALLEL = 40;
/** As the library has it. */
const AT_ONCE = 16;

class ManyUsers extends HostUsers {
  readonly asked: number[] = [];

  loadUsers = async (ids: readonly string[]) => {
    this.asked.push(ids.length);
    return [...this.users.values()].filter(({ id }) => ids.includes(id)).reverse();
  };
}

class SlowUsers extends HostUsers {
  loadUsers = () => new Promise<AuthUser[]>(() => undefined);
}

describe('refreshes at the same moment', () => {
  const users = new ManyUsers();
  onEveryDatabase({ users }, (host) => {
    beforeEach(() => {
      users.users.clear();
      for (let index = 0; index < PARALLEL; index++) {
        users.users.set(`user ${index}`, { id: `id-${index}`, roles: [`role-${index}`] });
      }
    });

    const issue = async () => {
      const tokens: string[] = [];
      for (const user of users.users.values()) tokens.push((await host().service.issue(user)).refreshToken);
      return tokens;
    };

    it('read their sessions and their users together, and each gets its own', async () => {
      const { service, dataSource } = host();
      const tokens = await issue();
      users.asked.length = 0;
      const recording = recordStatements([dataSource]);
      const answers = await Promise.all(tokens.map((token) => service.refresh(token)));
      const statements = recording.stop();

      const batches = [AT_ONCE, AT_ONCE, PARALLEL - 2 * AT_ONCE];
      const reads = statements.filter(({ sql }) => sql.includes(' IN (')).map(({ rows }) => rows);
      expect(reads.sort(descending)).toEqual(batches);
      expect(users.asked.sort(descending)).toEqual(batches);
      expect(statements.filter(({ sql }) => sql.startsWith('UPDATE'))).toHaveLength(PARALLEL);

      expect(answers.map(({ accessToken }) => claimsOf(accessToken))).toEqual(
        tokens.map((_, index) => expect.objectContaining({ sub: `id-${index}`, roles: [`role-${index}`] })),
      );
      const next = await Promise.all(answers.map(({ refreshToken }) => service.refresh(refreshToken)));
      expect(new Set(next.map(({ sessionId }) => sessionId)).size).toBe(PARALLEL);
    });

    it('of one session read it once, and get the same successor', async () => {
      const { service } = host();
      const [token] = await issue();
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => service.refresh(token)));
      expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    });

    it('do not disturb each other where a session or a user is gone', async () => {
      const { service } = host();
      const tokens = await issue();
      const purged = (await service.refresh(tokens[1])).sessionId;
      await host().dataSource.query(`DELETE FROM refresh_tokens WHERE id = '${purged}'`);
      users.users.delete('user 2');

      const outcomes = await Promise.allSettled(tokens.map((token) => service.refresh(token)));
      const refused = outcomes.flatMap((outcome, index) => (outcome.status === 'rejected' ? [index] : []));
      expect(refused).toEqual([1, 2]);
    });

    it.for<[string, () => Promise<AuthUser[]>, code: string]>([
      ['rejects', () => Promise.reject(new Error('no connection')), 'temporarily_unavailable'],
      ['gives nothing', async () => undefined as never, 'server_error'],
      ['gives holes', async () => [null] as never, 'server_error'],
      ['gives users of other ids', async () => [{ id: 'ID-1', roles: [] }], 'server_error'],
    ])('fail together where `loadUsers` %s, and every token is as good as before', async ([, fail, code]) => {
      const { service } = host();
      const tokens = await issue();
      const { loadUsers } = users;
      users.loadUsers = fail;
      const outcomes = await Promise.allSettled(tokens.map((token) => service.refresh(token)));
      users.loadUsers = loadUsers;
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code } });
      }
      await Promise.all(tokens.map((token) => service.refresh(token)));
    });
  });

  it('wait no longer for `loadUsers` than for `loadUser`', async () => {
    const { service, close } = await createAuthContext(await databaseNamed('sqljs').create(), {
      users: new SlowUsers(),
      options: { userProviderTimeout: '20ms' },
    });
    await expect(service.issue({ id: 'user-alice', roles: [] })).rejects.toMatchObject({
      code: 'temporarily_unavailable',
    });
    await close();
  });
});

const descending = (a: number, b: number) => b - a;

function claimsOf(accessToken: string): unknown {
  return JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString());
}
