import { DataSource, type EntityManager } from 'typeorm';
import { beforeAll, expect, test, vi } from 'vitest';
import { calls, eventsOf, fails, GivenUp, kinds, type Session, signIn } from '../support/host-transactions.js';
import type { AuthContext } from '../support/auth-app.js';
import { caughtUp, MINUTE, onServers, reasonOf, verdict } from '../support/instances.js';

onServers('a transaction of the host', (instances) => {
  let one: AuthContext;
  let two: AuthContext;
  beforeAll(async () => {
    one = await instances.start();
    two = await instances.start();
  });

  for (const { call, make, answer, refusal, event } of calls) {
    for (const { kind, run } of kinds) {
      test(`${call} with ${kind} takes effect with the commit, on both instances`, async () => {
        const session = await signIn([one, two]);
        await run(one.dataSource, async (manager) => {
          expect(await make(one, session, manager)).toBe(answer);
          await caughtUp(one, two);
          expect([verdict(one, session.accessToken), verdict(two, session.accessToken)]).toEqual([
            'accepted',
            'accepted',
          ]);
          expect(eventsOf(one, session.userId)).toEqual([]);
        });
        expect(verdict(one, session.accessToken)).toBe(refusal);
        expect(eventsOf(one, session.userId)).toEqual([event]);
        await caughtUp(two);
        expect(verdict(two, session.accessToken)).toBe(refusal);
      });

      test(`${call} with ${kind} leaves nothing after a rollback`, async () => {
        const session = await signIn([one, two]);
        await fails(
          run(one.dataSource, async (manager) => {
            expect(await make(one, session, manager)).toBe(answer);
            throw new GivenUp();
          }),
        );
        await caughtUp(one, two);
        expect([verdict(one, session.accessToken), verdict(two, session.accessToken)]).toEqual([
          'accepted',
          'accepted',
        ]);
        expect(eventsOf(one, session.userId)).toEqual([]);
        expect(await reasonOf(one, session.sessionId)).toBeNull();
        await expect(two.service.refresh(session.refreshToken)).resolves.toBeDefined();
      });
    }
  }

  test('a savepoint that is rolled back takes its revocation with it, and no other one', async () => {
    const [before, inside, after] = [await signIn([one]), await signIn([one]), await signIn([one])];
    await one.dataSource.transaction(async (manager) => {
      await one.service.revokeAllOfUser(before.userId, 'ended_by_admin', { manager });
      await fails(
        manager.transaction(async (nested) => {
          await one.service.revokeAllOfUser(inside.userId, 'ended_by_admin', { manager: nested });
          throw new GivenUp();
        }),
      );
      await one.service.revokeAllOfUser(after.userId, 'ended_by_admin', { manager });
    });
    expect([before, inside, after].map(({ accessToken }) => verdict(one, accessToken))).toEqual([
      'token_revoked',
      'accepted',
      'token_revoked',
    ]);
    expect(eventsOf(one, inside.userId)).toEqual([]);
    await expect(one.service.refresh(inside.refreshToken)).resolves.toBeDefined();
  });

  test('a savepoint that the host rolls back by hand takes changed permissions with it', async () => {
    const [undone, done] = [await signIn([one]), await signIn([one])];
    await one.dataSource.transaction(async (manager) => {
      await manager.query('SAVEPOINT by_hand');
      await one.service.permissionsChanged(undone.userId, { manager });
      await manager.query('ROLLBACK TO SAVEPOINT by_hand');
      await one.service.permissionsChanged(done.userId, { manager });
    });
    expect(eventsOf(one, undone.userId)).toEqual([]);
    expect(verdict(one, undone.accessToken)).toBe('accepted');
    expect(eventsOf(one, done.userId)).toHaveLength(1);
    expect(verdict(one, done.accessToken)).toBe('token_stale');
  });

  test('a savepoint that is released waits for its transaction', async () => {
    const [kept, lost] = [await signIn([one]), await signIn([one])];
    const nested = (manager: EntityManager, { userId }: Session) =>
      manager.transaction((inner) =>
        inner.transaction(async (innermost) => {
          await one.service.revokeAllOfUser(userId, 'ended_by_admin', { manager: innermost });
        }),
      );
    await one.dataSource.transaction(async (manager) => {
      await nested(manager, kept);
      expect(eventsOf(one, kept.userId)).toEqual([]);
      await fails(
        manager.transaction(async (outer) => {
          await nested(outer, lost);
          throw new GivenUp();
        }),
      );
    });
    expect([verdict(one, kept.accessToken), verdict(one, lost.accessToken)]).toEqual(['token_revoked', 'accepted']);
  });

  test('one connection can run several transactions, one after the other', async () => {
    const [first, second] = [await signIn([one]), await signIn([one])];
    const runner = one.dataSource.createQueryRunner();
    await runner.startTransaction();
    await one.service.revokeAllOfUser(first.userId, 'ended_by_admin', { manager: runner });
    await runner.rollbackTransaction();
    await runner.startTransaction();
    await one.service.revokeAllOfUser(second.userId, 'ended_by_admin', { manager: runner });
    await runner.commitTransaction();
    await runner.release();
    expect([verdict(one, first.accessToken), verdict(one, second.accessToken)]).toEqual(['accepted', 'token_revoked']);
    expect(eventsOf(one, first.userId)).toEqual([]);
  });

  test('a transaction that the database has given up announces nothing, though its COMMIT is answered', async () => {
    const sessions = [await signIn([one]), await signIn([one]), await signIn([one])];
    const [all, single] = sessions;
    await one.dataSource.transaction(async (manager) => {
      await one.service.revokeAllOfUser(all.userId, 'ended_by_admin', { manager });
      await one.service.revoke(single.sessionId, 'ended_by_admin', { manager });
      await manager.query('SELECT nothing FROM nowhere').catch(() => undefined);
      // MariaDB goes on after the error of a statement.
      if (instances.kind.name === 'mariadb') await manager.query('ROLLBACK');
    });
    expect(sessions.map(({ accessToken }) => verdict(one, accessToken))).toEqual(['accepted', 'accepted', 'accepted']);
    expect(sessions.map(({ userId }) => eventsOf(one, userId))).toEqual([[], [], []]);
  });

  test('a manager without a transaction is used as it is', async () => {
    const [pooled, connected] = [await signIn([one]), await signIn([one])];
    await one.service.revokeAllOfUser(pooled.userId, 'ended_by_admin', { manager: one.dataSource.manager });
    expect(verdict(one, pooled.accessToken)).toBe('token_revoked');
    const runner = one.dataSource.createQueryRunner();
    await one.service.revokeAllOfUser(connected.userId, 'ended_by_admin', { manager: runner });
    await runner.release();
    expect(verdict(one, connected.accessToken)).toBe('token_revoked');
    expect(eventsOf(one, connected.userId)).toEqual(['revoked']);
  });

  test('a manager that cannot be used is refused, and nothing is written', async () => {
    const session = await signIn([one]);
    const revoke = (manager: unknown) =>
      one.service.revokeAllOfUser(session.userId, 'ended_by_admin', { manager: manager as EntityManager });
    const other = await new DataSource(instances.database.options([], [])).initialize();
    await expect(revoke(other.manager)).rejects.toThrow(/^manager belongs to a different DataSource.*AuthModule uses/);
    await other.transaction(async (manager) => {
      for (const { make } of calls) await expect(make(one, session, manager)).rejects.toBeInstanceOf(TypeError);
    });
    await other.destroy();
    for (const manager of [null, {}, 'manager', one.dataSource]) {
      await expect(revoke(manager)).rejects.toThrow(/^manager must be an EntityManager or a QueryRunner/);
    }
    await expect(revoke(one.dataSource.createQueryRunner('slave'))).rejects.toThrow(/^manager reads from a replica/);
    let late: EntityManager;
    await one.dataSource.transaction(async (manager) => void (late = manager));
    await expect(revoke(late!)).rejects.toThrow(/transaction is over. Await the call/);
    const runner = one.dataSource.createQueryRunner();
    await runner.query('START TRANSACTION');
    await expect(revoke(runner)).rejects.toThrow(/left in a transaction. Begin the transaction with TypeORM/);
    await runner.query('ROLLBACK');
    await runner.release();
    expect(verdict(one, session.accessToken)).toBe('accepted');
    await expect(one.service.refresh(session.refreshToken)).resolves.toBeDefined();
  });

  test('a refresh that comes during the transaction waits for its end, and its session is judged then', async () => {
    const [ended, spared] = [await signIn([one, two]), await signIn([one, two])];
    let refreshed: Promise<unknown>;
    await one.dataSource.transaction(async (manager) => {
      await one.service.revokeAllOfUser(ended.userId, 'ended_by_admin', { manager });
      refreshed = two.service.refresh(ended.refreshToken).catch((error: unknown) => error);
      await settled(two, refreshed);
    });
    expect(await refreshed!).toMatchObject({ code: 'invalid_grant' });
    await fails(
      one.dataSource.transaction(async (manager) => {
        await one.service.revokeAllOfUser(spared.userId, 'ended_by_admin', { manager });
        refreshed = two.service.refresh(spared.refreshToken);
        await settled(two, refreshed);
        throw new GivenUp();
      }),
    );
    expect(await refreshed!).toMatchObject({ generation: 1 });
  });

  /** The statement of the other instance has been sent, and waits. */
  async function settled(instance: AuthContext, refreshed: Promise<unknown>): Promise<void> {
    const waits = vi.fn();
    void refreshed.then(waits, waits);
    await caughtUp(instance);
    await caughtUp(instance);
    expect(waits).not.toHaveBeenCalled();
  }

  test('a session that began after the snapshot of the transaction ends, too', async () => {
    const { userId } = await signIn([one, two]);
    let later: Session;
    await one.dataSource.transaction('READ COMMITTED', async (manager) => {
      await manager.query('SELECT id FROM refresh_tokens');
      later = await signIn([two], userId);
      expect(await one.service.revokeAllOfUser(userId, 'ended_by_admin', { manager })).toBe(2);
    });
    expect(verdict(one, later!.accessToken)).toBe('token_revoked');
    if (instances.kind.name !== 'mariadb') return;
    await one.dataSource.transaction('REPEATABLE READ', async (manager) => {
      await manager.query('SELECT id FROM refresh_tokens');
      later = await signIn([two], userId);
      expect(await one.service.revoke(later.sessionId, 'ended_by_admin', { manager })).toBe(true);
      const another = await signIn([two], userId);
      expect(await one.service.revokeAllOfUser(userId, 'ended_by_admin', { manager })).toBe(1);
      later = another;
    });
    expect(verdict(one, later!.accessToken)).toBe('token_revoked');
  });

  test('the commit of a long transaction is seen by other instances within the delay', async () => {
    const session = await signIn([one, two]);
    await one.dataSource.transaction(async (manager) => {
      await one.service.revokeAllOfUser(session.userId, 'ended_by_admin', { manager });
      // As if it had been written this long ago.
      await manager.query(`UPDATE refresh_tokens SET floor_raised_at = floor_raised_at - ${MINUTE}`);
      await manager.query(`SELECT ${instances.kind.name === 'postgres' ? 'pg_sleep' : 'SLEEP'}(3.1)`);
    });
    await caughtUp(two);
    await caughtUp(two);
    expect(verdict(two, session.accessToken)).toBe('token_revoked');
  });

  test('more sessions than are announced one by one', async () => {
    const { userId, sessionId, accessToken } = await signIn([one, two]);
    const [row] = await one.dataSource.query(`SELECT * FROM refresh_tokens WHERE id = '${sessionId}'`);
    const columns = Object.keys(row).filter((name) => name !== 'id');
    const id = instances.kind.name === 'postgres' ? 'gen_random_uuid()' : 'UUID()';
    const numbers = instances.kind.name === 'postgres' ? 'generate_series(1, 1100) AS n' : 'seq_1_to_1100';
    await one.dataSource.query(
      `INSERT INTO refresh_tokens (id, ${columns.join(', ')}) SELECT ${id}, ${columns.map((name) => `t.${name}`).join(', ')}
         FROM refresh_tokens t, ${numbers} WHERE t.id = '${sessionId}'`,
    );
    await one.dataSource.transaction(async (manager) => {
      expect(await one.service.revokeAllOfUser(userId, 'ended_by_admin', { manager })).toBe(1101);
      expect(eventsOf(one, userId)).toEqual([]);
    });
    await caughtUp(one, two);
    expect([verdict(one, accessToken), verdict(two, accessToken)]).toEqual(['token_revoked', 'token_revoked']);
    expect(eventsOf(one, userId).length).toBeGreaterThan(1000);
  });

  test('no event has the manager in it', async () => {
    const session = await signIn([one]);
    await one.dataSource.transaction((manager) =>
      one.service.revokeAllOfUser(session.userId, 'ended_by_admin', { manager, ip: '192.0.2.1' }),
    );
    const event = one.events.find(({ type, userId }) => type === 'revoked' && userId === session.userId)!;
    expect(Object.keys(event).sort()).toEqual(
      ['at', 'clientId', 'generation', 'ip', 'reason', 'sessionId', 'type', 'userId'].sort(),
    );
  });
});
