import { setTimeout as delay } from 'node:timers/promises';
import type { RefreshTokenService } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import type { DataSource, QueryRunner } from 'typeorm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';
import { caughtUp, newUser, onServers, reasonOf, verdict } from '../support/instances.js';
import { recordStatements } from '../support/recorded-statements.js';
import { lockSessions } from '../support/row-lock.js';

const HOUR = 3_600_000;
const BATCH = 3;
const options = { purge: { interval: '0s', batchSize: BATCH } };

interface Session {
  sessionId: string;
  accessToken: string;
  refreshToken: string;
}

type Given = Parameters<RefreshTokenService['revokeAll']>[0];

const USERS = ['alice', 'bob', 'admin'];

/** Sessions of different users. */
function begin({ service }: AuthContext, count: number): Promise<Session[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => service.issue({ id: `user-${USERS[index % 3]}`, roles: [] })),
  );
}
async function alive(context: AuthContext, sessions: Session[]): Promise<boolean[]> {
  return Promise.all(sessions.map(async ({ sessionId }) => (await reasonOf(context, sessionId)) === null));
}

/** Lets one UPDATE fail, as if the database were away. The returned function ends that. */
function failAtUpdate(dataSource: DataSource, number: number): () => void {
  let updates = 0;
  // With sql.js there is one query runner for all statements.
  const patched = new Set<QueryRunner>();
  const create = dataSource.createQueryRunner;
  dataSource.createQueryRunner = (mode) => {
    const runner = create.call(dataSource, mode);
    if (patched.has(runner)) return runner;
    patched.add(runner);
    const query = runner.query.bind(runner);
    runner.query = ((...given: Parameters<typeof query>) =>
      String(given[0]).startsWith('UPDATE') && ++updates === number
        ? Promise.reject(new Error('The database is away.'))
        : query(...given)) as typeof query;
    return runner;
  };
  return () => {
    dataSource.createQueryRunner = create;
    for (const runner of patched) Reflect.deleteProperty(runner, 'query');
  };
}

describe('revokeAll', () => {
  onEveryDatabase({ options }, (host) => {
    beforeEach(async () => {
      await host().dataSource.getRepository(RefreshToken).clear();
      host().clock.advance(HOUR);
      host().events.length = 0;
    });

    const revocations = () => host().events.filter(({ type }) => type === 'revoked');

    it('ends every session of all users, in pages, with their access tokens; and says so once', async () => {
      const sessions = await begin(host(), 3 * BATCH + 1);
      host().clock.advance(1);
      expect(await host().service.revokeAll({ createdBefore: new Date(host().clock.now()) })).toBe(sessions.length);

      for (const { sessionId, accessToken, refreshToken } of sessions) {
        expect(verdict(host(), accessToken)).toBe('token_revoked');
        await expect(host().service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
        expect(await reasonOf(host(), sessionId)).toBe('revoked_all');
      }
      expect(revocations()).toEqual([{ type: 'revoked', at: expect.any(Number), reason: 'revoked_all', count: 10 }]);
      expect(await host().service.revokeAll({ createdBefore: host().clock.now() })).toBe(0);
      expect(revocations()).toHaveLength(1);
    });

    it('ends sessions by their last use, by their beginning, or by both', async () => {
      const [unused, used] = await begin(host(), 2);
      host().clock.advance(HOUR);
      const cut = host().clock.now();
      const [recent] = await begin(host(), 1);
      const { refreshToken } = await host().service.refresh(used.refreshToken);
      const all = [unused, used, recent];

      expect(await host().service.revokeAll({ usedBefore: cut - HOUR, createdBefore: cut })).toBe(0);
      expect(await host().service.revokeAll({ usedBefore: cut, createdBefore: cut, reason: 'restored' })).toBe(1);
      expect(await alive(host(), all)).toEqual([false, true, true]);
      expect(await reasonOf(host(), unused.sessionId)).toBe('restored');
      expect(await host().service.revokeAll({ usedBefore: new Date(cut) })).toBe(0);
      await expect(host().service.refresh(refreshToken)).resolves.toBeDefined();

      expect(await host().service.revokeAll({ createdBefore: cut })).toBe(1);
      expect(await alive(host(), all)).toEqual([false, false, true]);
      expect(verdict(host(), recent.accessToken)).toBe('accepted');
    });

    it('leaves the reason of a session that ended before', async () => {
      const [ended, live] = await begin(host(), 2);
      await host().service.revoke(ended.sessionId, 'logout');
      expect(await host().service.revokeAll({ createdBefore: host().clock.now() + 1 })).toBe(1);
      expect(await reasonOf(host(), ended.sessionId)).toBe('logout');
      expect(await reasonOf(host(), live.sessionId)).toBe('revoked_all');
    });

    it.each<[string, unknown, RegExp]>([
      ['no time', {}, /usedBefore or createdBefore/],
      ['only a reason', { reason: 'restored' }, /usedBefore or createdBefore/],
      ['no options', undefined, /usedBefore or createdBefore/],
      ['a name that does not exist', { createdBefore: new Date(), olderThan: 1 }, /"olderThan"/],
      ['an invalid date', { usedBefore: new Date('yesterday') }, /usedBefore must be/],
      ['one invalid time of two', { usedBefore: Number.NaN, createdBefore: new Date() }, /usedBefore must be/],
      ['text', { createdBefore: '2026-01-01' }, /createdBefore must be/],
      ['null', { createdBefore: null }, /createdBefore must be/],
      ['seconds', { createdBefore: 1_790_000_000 }, /createdBefore must be .*milliseconds/],
    ])('refuses %s, and ends nothing', async (_, given, message) => {
      const sessions = await begin(host(), 2);
      await expect(host().service.revokeAll(given as Given)).rejects.toThrow(message);
      expect(await alive(host(), sessions)).toEqual([true, true]);
      expect(revocations()).toEqual([]);
    });

    it('keeps what it has done when the database fails in the middle, and goes on when it is called again', async () => {
      const sessions = await begin(host(), 3 * BATCH);
      const { dataSource, service, clock } = host();
      const restore = failAtUpdate(dataSource, 2);
      const before = clock.now() + 1;
      try {
        await expect(service.revokeAll({ createdBefore: before })).rejects.toMatchObject({
          code: 'temporarily_unavailable',
        });
      } finally {
        restore();
      }
      expect((await alive(host(), sessions)).filter((live) => live)).toHaveLength(2 * BATCH);
      expect(revocations().map(({ count }) => count)).toEqual([BATCH]);

      expect(await service.revokeAll({ createdBefore: before })).toBe(2 * BATCH);
      for (const { accessToken } of sessions) expect(verdict(host(), accessToken)).toBe('token_revoked');
    });
  });
});

onServers('revokeAll, on several instances', (instances) => {
  let here: AuthContext;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    here = await instances.start({ options });
    elsewhere = await instances.start({ options: { ...options, revocation: { delay: '2s' } } });
  });

  it('refuses the access tokens on each of them within the delay', async () => {
    const sessions = await begin(here, 2 * BATCH + 1);
    here.clock.advance(1);
    expect(await here.service.revokeAll({ createdBefore: here.clock.now() })).toBe(sessions.length);
    await caughtUp(elsewhere);
    for (const { accessToken } of sessions) expect(verdict(elsewhere, accessToken)).toBe('token_revoked');
  });

  it('writes a page of the table with each statement', async () => {
    await begin(here, 4 * BATCH);
    const statements = recordStatements([here.dataSource]);
    await here.service.revokeAll({ createdBefore: here.clock.now() + 1 });
    const updates = statements.stop().filter(({ sql }) => sql.startsWith('UPDATE'));
    expect(updates.length).toBeGreaterThan(3);
    expect(Math.max(...updates.map(({ rows }) => rows))).toBeLessThanOrEqual(BATCH);
  });

  it('is known elsewhere within the delay, also if it had to wait for another transaction', async () => {
    const sessions = [await here.service.issue(newUser([here])), await here.service.issue(newUser([here]))];
    // Started last, so that none of its readings is one of the whole list until the end of the test.
    const late = await instances.start({ options: { revocation: { delay: '2s' } } });
    const lock = await lockSessions(instances.database, [sessions[1].sessionId]);
    const revoked = here.service.revokeAll({ createdBefore: here.clock.now() + 1 });
    await lock.awaited();
    await delay(12_000);
    await lock.release();
    expect(await revoked).toBe(2);
    await caughtUp(late);
    for (const { accessToken } of sessions) expect(verdict(late, accessToken)).toBe('token_revoked');
  });

  it('spares a session that is refreshed before its page is reached', async () => {
    const [slow, busy] = await begin(here, 2);
    const cut = here.clock.now() + 1;
    here.clock.advance(HOUR);
    const lock = await lockSessions(instances.database, [busy.sessionId]);
    const refreshed = here.service.refresh(busy.refreshToken);
    await lock.awaited();
    const revoked = elsewhere.service.revokeAll({ usedBefore: cut });
    await delay(500);
    await lock.release();
    const { accessToken } = await refreshed;
    expect(await revoked).toBe(1);
    expect(await alive(here, [slow, busy])).toEqual([false, true]);
    expect(verdict(here, accessToken)).toBe('accepted');
  });
});
