import { AuthEventLog } from 'nestjs-refresh-token';
import { AuthEventRecord, RefreshToken, UsedDpopProof } from 'nestjs-refresh-token/typeorm';
import type { AfterQueryEvent } from 'typeorm';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';
import { onServers } from '../support/instances.js';
import { errorsDuring } from '../support/logged-errors.js';
import { lockSessions } from '../support/row-lock.js';
import { refuse, referTo } from '../support/stubborn-rows.js';

const DAY = 86_400_000;
const BATCH = 4;
const options = {
  purge: { interval: '0s', retention: '1d', batchSize: BATCH },
  audit: { store: true, retention: '1d', flushInterval: '10ms' },
};

describe('rows that cannot be removed', () => {
  onEveryDatabase({ options }, (host) => {
    const sessions = () => host().dataSource.getRepository(RefreshToken);
    const idsLeft = async () => (await sessions().find()).map(({ id }) => id).sort();

    /** Sessions of one user that are dead long enough, by their ids. */
    async function deadSessions(count: number): Promise<string[]> {
      const ids: string[] = [];
      for (let begun = 0; begun < count; begun++) {
        ids.push((await host().service.issue({ id: 'user-alice', roles: [] })).sessionId);
      }
      await host().service.revokeAllOfUser('user-alice', 'logout_all');
      host().clock.advance(2 * DAY);
      return ids.sort();
    }

    beforeEach(async () => {
      await host().dataSource.query('DELETE FROM refresh_tokens');
    });

    it.for([
      {
        reason: 'a foreign key of the host',
        keep: (ids: string[]) => referTo(host().dataSource, ids),
      },
      {
        reason: 'a trigger of the host',
        keep: (ids: string[]) => refuse(host().dataSource, 'DELETE', 'refresh_tokens', ids),
      },
    ])('the purge removes all others despite $reason, says it once, and tries again', async ({ keep }) => {
      const ids = await deadSessions(3 * BATCH);
      const live = await host().service.issue({ id: 'user-bob', roles: [] });
      // The first rows of the table are among them, and whole pages.
      const kept = [...ids.slice(0, 2), ...ids.slice(BATCH, 2 * BATCH), ids.at(-1)!];
      const rows = await keep(kept);
      for (let run = 0; run < 2; run++) {
        const removed: number[] = [];
        const errors = await errorsDuring(async () => removed.push(await host().service.purge()));
        expect(removed).toEqual([run === 0 ? ids.length - kept.length : 0]);
        expect(await idsLeft()).toEqual([...kept, live.sessionId].sort());
        expect(errors).toEqual([expect.stringContaining(`${kept.length} sessions could not be removed`)]);
      }
      await rows.yieldNow();
      expect(await errorsDuring(async () => expect(await host().service.purge()).toBe(kept.length))).toEqual([]);
      expect(await idsLeft()).toEqual([live.sessionId]);
    });

    it('the purge ends if no row at all can be removed', async () => {
      const ids = await deadSessions(2 * BATCH + 1);
      const rows = await refuse(host().dataSource, 'DELETE', 'refresh_tokens');
      const errors = await errorsDuring(async () => expect(await host().service.purge()).toBe(0));
      expect(errors).toEqual([expect.stringContaining(`${ids.length} sessions`)]);
      await rows.yieldNow();
      expect(await host().service.purge()).toBe(ids.length);
    });

    it('the purge of events removes all others', async () => {
      const log = host().module.get(AuthEventLog);
      const events = host().dataSource.getRepository(AuthEventRecord);
      await deadSessions(2 * BATCH);
      await log.flush();
      const ids = (await events.find({ order: { id: 'ASC' } })).map(({ id }) => id);
      expect(ids.length).toBeGreaterThan(BATCH);
      const rows = await refuse(host().dataSource, 'DELETE', 'auth_events', [ids[0], ids.at(-1)!]);
      const errors = await errorsDuring(async () => expect(await log.purge()).toBe(ids.length - 2));
      expect(errors).toEqual([expect.stringContaining('2 events could not be removed')]);
      await rows.yieldNow();
      expect(await log.purge()).toBe(2);
      expect(await events.count()).toBe(0);
    });

    it('the purge of used proofs removes all others', async () => {
      const proofs = host().dataSource.getRepository(UsedDpopProof);
      const expired = Array.from({ length: 2 * BATCH }, (_, index) => ({ id: `proof-${index}`, expiresAt: 1 + index }));
      // Not by the store: its claims may start a purge in the background.
      await proofs.insert([...expired, { id: 'proof-valid', expiresAt: host().clock.now() + DAY }]);
      const rows = await refuse(host().dataSource, 'DELETE', 'used_dpop_proofs', ['proof-0', 'proof-5']);
      const errors = await errorsDuring(() => host().service.purge());
      expect((await proofs.find()).map(({ id }) => id).sort()).toEqual(['proof-0', 'proof-5', 'proof-valid']);
      expect(errors).toEqual([expect.stringContaining('2 used DPoP proofs could not be removed')]);
      await rows.yieldNow();
      await host().service.purge();
      expect(await proofs.count()).toBe(1);
      await proofs.clear();
    });

    it('revokeAll ends all sessions but those that cannot be written, and rejects', async () => {
      const { service, clock, dataSource } = host();
      const ids: string[] = [];
      for (let begun = 0; begun < 3 * BATCH; begun++) {
        ids.push((await service.issue({ id: 'user-alice', roles: [] })).sessionId);
      }
      ids.sort();
      const kept = [ids[0], ids[BATCH + 1]];
      const rows = await refuse(dataSource, 'UPDATE', 'refresh_tokens', kept);
      host().events.length = 0;
      const errors = await errorsDuring(async () => {
        const ended = service.revokeAll({ createdBefore: clock.now() + 1 });
        await expect(ended).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      });
      const live = (await sessions().find()).filter(({ revokedAt }) => revokedAt === null).map(({ id }) => id);
      expect(live.sort()).toEqual(kept);
      expect(host().events).toMatchObject([{ type: 'revoked', count: ids.length - 2 }]);
      expect(errors).toEqual([expect.stringContaining('2 sessions could not be revoked')]);
      await rows.yieldNow();
      expect(await service.revokeAll({ createdBefore: clock.now() + 1 })).toBe(2);
    });
  });
});

it('a missing permission to delete is not tried for each row', async () => {
  const database = await databaseNamed('postgres').create();
  onTestFinished(() => database.drop());
  // Each connection of the pool would say it once.
  const one = { poolSize: 1 } as object;
  const { service, dataSource, clock, close } = await createAuthContext(database, { options, dataSource: one });
  onTestFinished(close);
  for (let begun = 0; begun < 3 * BATCH; begun++) await service.issue({ id: 'user-alice', roles: [] });
  await service.revokeAllOfUser('user-alice', 'logout_all');
  clock.advance(2 * DAY);
  await dataSource.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE insufficient_privilege; END $$`);
  await dataSource.query('CREATE TRIGGER refuse BEFORE DELETE ON refresh_tokens EXECUTE FUNCTION refuse()');
  let failures = 0;
  dataSource.subscribers.push({ afterQuery: ({ success }: AfterQueryEvent) => void (success || failures++) });
  await expect(service.purge()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
  expect(failures).toBeLessThanOrEqual(2);
});

onServers('a dead session whose row another transaction has locked', (instances) => {
  it('does not stop the purge, and goes with the next one', async () => {
    const { service, clock } = await instances.start({ options });
    const ids: string[] = [];
    for (let begun = 0; begun < 3 * BATCH; begun++) {
      ids.push((await service.issue({ id: 'user-alice', roles: [] })).sessionId);
    }
    await service.revokeAllOfUser('user-alice', 'logout_all');
    clock.advance(2 * DAY);
    const lock = await lockSessions(instances.database, [ids[1], ids[BATCH]]);
    try {
      expect(await service.purge()).toBe(ids.length - 2);
    } finally {
      await lock.release();
    }
    expect(await service.purge()).toBe(2);
  });
});
