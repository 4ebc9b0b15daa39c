import { createConnection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import type { TestDatabase } from '../support/databases.js';
import { galeraAvailable, GaleraCluster, type GaleraNode } from '../support/galera.js';
import { newUser, verdict } from '../support/instances.js';
import { SECOND } from '../support/listening.js';
import { eventually } from '../support/eventually.js';

/** Milliseconds. Shorter than the time limit of a statement. */
const LAG = 1.5 * SECOND;

/** Stops the node from applying what others have committed. It goes on answering. */
async function hold(node: GaleraNode): Promise<() => Promise<void>> {
  const holder = await createConnection(node.url('mysql'));
  await holder.query('SET GLOBAL wsrep_desync = ON');
  await holder.query('FLUSH TABLES WITH READ LOCK');
  return async () => {
    await holder.query('UNLOCK TABLES');
    await holder.query('SET GLOBAL wsrep_desync = OFF');
    await holder.end();
  };
}

describe.skipIf(!galeraAvailable)('an instance on a Galera node that lags', () => {
  let cluster: GaleraCluster;
  let first: AuthContext;
  let last: AuthContext;
  let release: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    cluster = await GaleraCluster.start(3);
    const name = await cluster.createDatabase();
    const on = (node: GaleraNode): TestDatabase => ({
      name: 'mariadb',
      url: node.url(name),
      options: (entities, migrations, extra) =>
        ({ type: 'mariadb', url: node.url(name), entities, migrations, ...extra }) as never,
      drop: async () => undefined,
    });
    first = await createAuthContext(on(cluster.nodes[0]));
    last = await createAuthContext(on(cluster.nodes[2]));
  });

  afterAll(async () => {
    await Promise.all([first?.close(), last?.close()]);
    await cluster?.stop();
  });

  afterEach(async () => {
    await release?.();
    release = undefined;
  });

  async function lag(): Promise<void> {
    release = await hold(cluster.nodes[2]);
  }

  /** The node goes on while the work waits. */
  async function afterLag<T>(work: Promise<T>): Promise<T> {
    void work.catch(() => undefined);
    await sleep(LAG);
    await release!();
    release = undefined;
    return work;
  }

  const signIn = async (user = newUser([first, last])) => ({
    user,
    ...(await first.service.issue(user, { transport: 'body' })),
  });

  it('refreshes a session that it does not know yet', async () => {
    await lag();
    const { refreshToken, sessionId } = await signIn();
    await expect(afterLag(last.service.refresh(refreshToken))).resolves.toMatchObject({ sessionId });
  });

  it('answers 503 while it cannot know whether the session exists', async () => {
    await lag();
    const { refreshToken } = await signIn();
    await expect(last.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'temporarily_unavailable' });
  });

  it('refuses a token whose session does not exist on any node', async () => {
    const { refreshToken, sessionId } = await signIn();
    await first.dataSource.query(`DELETE FROM refresh_tokens WHERE id = '${sessionId}'`);
    await expect(last.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  it('takes a token that is newer than its row for no sign of lost commits', async () => {
    let { refreshToken } = await signIn();
    await last.service.refresh(refreshToken).then((tokens) => ({ refreshToken } = tokens));
    await lag();
    for (let turn = 0; turn < 3; turn++) ({ refreshToken } = await first.service.refresh(refreshToken));
    last.events.length = 0;
    const { generation } = await afterLag(last.service.refresh(refreshToken));
    expect(generation).toBe(5);
    expect(last.events.map(({ type }) => type)).not.toContain('row_rolled_back');
  });

  it('does not refresh a session that another instance has ended', async () => {
    const { refreshToken, sessionId } = await signIn();
    await last.service.list('user-of-nobody');
    await lag();
    await first.service.revoke(sessionId, 'logout');
    await expect(afterLag(last.service.refresh(refreshToken))).rejects.toMatchObject({ code: 'invalid_grant' });
    await expect(first.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  it('signs out of a session that it does not know yet', async () => {
    await lag();
    const { refreshToken } = await signIn();
    await expect(afterLag(last.service.revokeByToken(refreshToken, 'logout'))).resolves.toBe(true);
    await expect(first.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  it('ends all sessions of a user, also those that it does not know yet', async () => {
    const { user, refreshToken: known } = await signIn();
    await lag();
    const { refreshToken: unknown } = await signIn(user);
    await expect(afterLag(last.service.revokeAllOfUser(user.id, 'password_changed'))).resolves.toBe(2);
    for (const token of [known, unknown]) {
      await expect(first.service.refresh(token)).rejects.toMatchObject({ code: 'invalid_grant' });
    }
  });

  it('makes access tokens stale of sessions that it does not know yet', async () => {
    await lag();
    const { user, accessToken } = await signIn();
    await expect(afterLag(last.service.permissionsChanged(user.id))).resolves.toBe(1);
    expect(verdict(last, accessToken)).toBe('token_stale');
  });

  it('ends the session where one node revokes and another refreshes at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const { refreshToken, sessionId } = await signIn();
      await eventually(() => last.service.list('nobody'));
      const [refreshed, revoked] = await Promise.allSettled([
        last.service.refresh(refreshToken),
        first.service.revoke(sessionId, 'logout'),
      ]);
      expect(revoked).toEqual({ status: 'fulfilled', value: true });
      const token = refreshed.status === 'fulfilled' ? refreshed.value.refreshToken : refreshToken;
      for (const instance of [first, last]) {
        await expect(instance.service.refresh(token)).rejects.toMatchObject({ code: 'invalid_grant' });
      }
    }
  });

  it('knows a floor that was raised while its node was frozen, soon after the node goes on', async () => {
    const { user, accessToken } = await signIn();
    const other = await signIn();
    await last.service.refresh(other.refreshToken);
    cluster.nodes[2].freeze();
    // Some are raised before the others go on without the frozen node, some after.
    const early = first.service.permissionsChanged(user.id);
    await sleep(14 * SECOND);
    await early;
    cluster.nodes[2].thaw();
    await eventually(() => expect(verdict(last, accessToken)).toBe('token_stale'), { limit: 30_000, interval: 100 });
    await cluster.untilWhole();
  });
});
