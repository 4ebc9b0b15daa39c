import { type AuthUser, SignInService } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const HOUR = 3_600_000;
const options = { refreshToken: { ttl: '3h', idleTtl: '2h', grace: '10s' } };

describe('what is said about a session', () => {
  onEveryDatabase({ options }, (host) => {
    const rowOf = (id: string) => host().dataSource.getRepository(RefreshToken).findOneByOrFail({ id });
    const listed = async (id: string) => (await host().service.list(ALICE.id)).find((session) => session.id === id)!;

    it('comes with the sign-in, and is in the list', async () => {
      const labels = { tags: ['kiosk', 'Straße'], metadata: { store: '17' } };
      const { sessionId } = await host().service.issue(ALICE, { ...labels, deviceName: 'Till' });
      expect(await listed(sessionId)).toMatchObject({ ...labels, deviceName: 'Till' });
      const bare = await host().service.issue(ALICE);
      expect(await listed(bare.sessionId)).toMatchObject({ tags: [], metadata: {} });
    });

    it('begins no session if it is not valid', async () => {
      const { service } = host();
      const before = await service.list(ALICE.id);
      await expect(service.issue(ALICE, { tags: ['a\nb'] })).rejects.toMatchObject({ code: 'invalid_request' });
      const metadata = { a: 1 } as unknown as Record<string, string>;
      await expect(service.issue(ALICE, { metadata })).rejects.toMatchObject({ code: 'invalid_request' });
      expect(await service.list(ALICE.id)).toEqual(before);
    });

    it('comes from the user provider with the session terms', async () => {
      const { users, module } = host();
      const { validateCredentials } = users;
      users.validateCredentials = async () => ({ ...ALICE, sessionTerms: { tags: ['by password'] } });
      const { sessionId } = await module.get(SignInService).signIn('alice', 'any');
      users.validateCredentials = validateCredentials;
      expect(await listed(sessionId)).toMatchObject({ tags: ['by password'] });
    });

    it('changes to what it was already, and nothing else of the row changes', async () => {
      const { service } = host();
      const { sessionId } = await service.issue(ALICE, { deviceName: 'Laptop' });
      const before = await rowOf(sessionId);
      for (let times = 0; times < 2; times++) {
        expect(await service.update(sessionId, { deviceName: 'Phone', tags: ['a'] }, { userId: ALICE.id })).toBe(true);
        expect(await rowOf(sessionId)).toEqual({ ...before, deviceName: 'Phone', tags: '["a"]' });
      }
    });

    it('stays through refreshes at the same moment, and fails none of them', async () => {
      const { service } = host();
      const { sessionId, ...first } = await service.issue(ALICE);
      let { refreshToken } = first;
      for (let round = 0; round < 10; round++) {
        const [refreshed, ...updated] = await Promise.all([
          service.refresh(refreshToken),
          service.update(sessionId, { deviceName: `Name ${round}` }),
          service.update(sessionId, { tags: [`tag ${round}`] }),
          service.update(sessionId, { metadata: { round: String(round) } }),
        ]);
        expect(updated).toEqual([true, true, true]);
        expect(refreshed.generation).toBe(round + 1);
        ({ refreshToken } = refreshed);
        expect(await listed(sessionId)).toMatchObject({
          deviceName: `Name ${round}`,
          tags: [`tag ${round}`],
          metadata: { round: String(round) },
        });
      }
    });

    it('cannot be said of a dead session, nor of one of somebody else', async () => {
      const { service, clock } = host();
      const [ended, other, idle] = [await service.issue(ALICE), await service.issue(ALICE), await service.issue(ALICE)];
      await service.revoke(ended.sessionId, 'logout');
      const name = { deviceName: 'New' };
      expect(await service.update(ended.sessionId, name)).toBe(false);
      expect(await service.update(other.sessionId, name, { userId: 'user-bob' })).toBe(false);
      // MySQL would compare without regard to case.
      expect(await service.update(other.sessionId, name, { userId: 'USER-ALICE' })).toBe(false);
      clock.advance(2 * HOUR);
      expect(await service.update(idle.sessionId, name)).toBe(false);
      for (const { sessionId } of [ended, other, idle]) expect((await rowOf(sessionId)).deviceName).toBeNull();
    });

    it('belongs to a transaction of the host, with its event', async () => {
      const { service, dataSource, events } = host();
      const { sessionId } = await service.issue(ALICE);
      const told = () => events.filter((event) => event.type === 'session_updated' && event.sessionId === sessionId);
      const rolledBack = dataSource.transaction(async (manager) => {
        expect(await service.update(sessionId, { deviceName: 'Never' }, { manager })).toBe(true);
        throw new Error('rolled back');
      });
      await expect(rolledBack).rejects.toThrow('rolled back');
      expect([(await rowOf(sessionId)).deviceName, told()]).toEqual([null, []]);
      await dataSource.transaction(async (manager) => {
        expect(await service.update(sessionId, { deviceName: 'Till' }, { manager, actor: 'user-admin' })).toBe(true);
        expect(told()).toEqual([]);
      });
      expect((await rowOf(sessionId)).deviceName).toBe('Till');
      expect(told()).toMatchObject([{ actor: 'user-admin', userId: ALICE.id }]);
    });

    it('counts as nothing if somebody else wrote it into the row', async () => {
      const { service, dataSource } = host();
      const { sessionId } = await service.issue(ALICE);
      for (const text of ['', '{', 'null', '7', '[{}]', '{"a":1}', '"text"']) {
        await dataSource.getRepository(RefreshToken).update(sessionId, { tags: text, metadata: text });
        expect(await listed(sessionId), text).toMatchObject({ tags: [], metadata: {} });
      }
    });

    it('is erased with the user', async () => {
      const { service, users } = host();
      const erased: AuthUser = { id: `erased-${host().clock.now()}`, roles: [] };
      const { loadUser } = users;
      users.loadUser = async (id) => (id === erased.id ? erased : loadUser(id));
      await service.issue(erased, { tags: ['My canary'], metadata: { of: 'My canary' } });
      await service.forgetUser(erased.id);
      expect(JSON.stringify(await allRows(host()))).not.toContain('My canary');
      users.loadUser = loadUser;
    });
  });
});

const mariadb = databaseNamed('mariadb');

it.skipIf(!mariadb.available)('a name can be given again where MySQL counts changed rows only', async () => {
  const database = await mariadb.create();
  const host = await createAuthContext(database, { options, dataSource: { flags: ['-FOUND_ROWS'] } as object });
  onTestFinished(async () => {
    await host.close();
    await database.drop();
  });
  const { sessionId } = await host.service.issue(ALICE);
  for (let times = 0; times < 2; times++) {
    expect(await host.service.update(sessionId, { deviceName: 'Laptop', tags: [] })).toBe(true);
  }
  await host.service.revoke(sessionId, 'logout');
  expect(await host.service.update(sessionId, { deviceName: 'Laptop' })).toBe(false);
});

function allRows({ dataSource }: AuthContext): Promise<RefreshToken[]> {
  return dataSource.getRepository(RefreshToken).find();
}
