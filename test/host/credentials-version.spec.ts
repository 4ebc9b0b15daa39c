import { Logger } from '@nestjs/common';
import { type AuthUser, SignInService, StepUpService } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AuthContext, type AuthSetup, createAuthContext, SECRET } from '../support/auth-app.js';
import type { TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { serverDatabases } from '../support/instances.js';

const USER_ID = 'user-alice';
const OLD_SECRET = 'kX9-test-only-older-Zp2vQ7mB4nT8wL1cR6yH3jF5';

for (const { name, available, create } of serverDatabases) {
  describe.skipIf(!available)(`credentialsVersion, on ${name}`, () => {
    let database: TestDatabase;
    let host: AuthContext;
    beforeAll(async () => {
      database = await create();
      host = await createAuthContext(database);
    });
    afterAll(async () => {
      await host?.close();
      await database?.drop();
    });

    /** What the user provider tells from now on. */
    const tell = (version: AuthUser['credentialsVersion'], { users } = host) => {
      const { id, roles } = users.users.get('alice')!;
      users.users.set('alice', version === undefined ? { id, roles } : { id, roles, credentialsVersion: version });
    };
    const signIn = ({ module } = host) =>
      module.get(SignInService).signIn('alice', 'alice-password', { transport: 'body' });
    const refresh = (token: string, { service } = host) => service.refresh(token);
    const ends = async (token: string, { service } = host) =>
      expect(service.refresh(token)).rejects.toMatchObject({ code: 'invalid_grant', sessionLives: false });
    const hashOf = async (sessionId: string): Promise<string | null> =>
      (await host.dataSource.query(`SELECT credentials_hash AS hash FROM refresh_tokens WHERE id = '${sessionId}'`))[0]
        .hash;
    const eventsOf = (sessionId: string, { events } = host) =>
      events
        .filter((event) => event.sessionId === sessionId)
        .map(({ type, reason }) => [type, reason].join(' ').trim());
    const other = async (setup: AuthSetup, work: (context: AuthContext) => Promise<void>) => {
      const context = await createAuthContext(database, setup);
      context.clock.time = host.clock.time;
      await work(context).finally(() => context.close());
    };

    describe.each<[string, AuthUser['credentialsVersion'], AuthUser['credentialsVersion']]>([
      ['a text', 'hash of the old password', 'hash of the new password'],
      ['a number', 1, 2],
      ['a zero', 0, 1],
      ['an empty text', '', 'changed'],
      ['null, until the first change', null, 1_790_000_000_000],
    ])('that is %s', (_, before, after) => {
      test('ends the session at the next refresh when it has changed, and says so', async () => {
        tell(before);
        const { sessionId, refreshToken } = await signIn();
        const next = await refresh(refreshToken);
        tell(after);
        await ends(next.refreshToken);
        expect(eventsOf(sessionId)).toEqual([
          'signed_in',
          'refreshed',
          'revoked credentials_changed',
          'refresh_denied credentials_changed',
        ]);
        expect((await host.service.list(USER_ID)).map(({ id }) => id)).not.toContain(sessionId);
        await ends(next.refreshToken);
      });

      test('ends nothing while it stays, whatever is repeated', async () => {
        tell(before);
        const { refreshToken } = await signIn();
        const key = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };
        const first = await host.service.refresh(refreshToken, {}, {}, key);
        const again = await host.service.refresh(refreshToken, {}, {}, key);
        expect(again.refreshToken).toBe(first.refreshToken);
        host.clock.advance(60_000);
        expect((await host.service.refresh(refreshToken, {}, {}, key)).refreshToken).toBe(first.refreshToken);
        const together = await Promise.all([1, 2, 3].map(() => refresh(first.refreshToken)));
        expect(new Set(together.map((tokens) => tokens.refreshToken)).size).toBe(1);
        await expect(host.service.refresh(refreshToken, {}, {}, key)).rejects.toMatchObject({ code: 'superseded' });
        await expect(refresh(together[0].refreshToken)).resolves.toBeDefined();
      });
    });

    test('is stored as a keyed hash, which differs from session to session', async () => {
      tell('the version');
      const [one, two] = [await signIn(), await signIn()];
      const hashes = [await hashOf(one.sessionId), await hashOf(two.sessionId)];
      expect(hashes[0]).toMatch(/^[\w-]{43}$/);
      expect(hashes[0]).not.toBe(hashes[1]);
      expect(JSON.stringify([one, host.events])).not.toContain('the version');
    });

    test('ends a session whose sign-in with the old password was under way during the change', async () => {
      tell('old');
      const session = await host.dataSource.transaction('READ COMMITTED', async (manager) => {
        await host.service.revokeAllOfUser(USER_ID, 'password_changed', { manager });
        return signIn();
      });
      tell('new');
      await ends(session.refreshToken);
    });

    if (name === 'mariadb') {
      test('in REPEATABLE READ, such a sign-in waits for the commit, and is refused', async () => {
        tell('old');
        await signIn();
        let signedIn: Promise<unknown>;
        await host.dataSource.transaction('REPEATABLE READ', async (manager) => {
          await host.service.revokeAllOfUser(USER_ID, 'password_changed', { manager });
          const validated = vi.spyOn(host.users, 'validateCredentials');
          signedIn = signIn().catch((error: unknown) => error);
          await eventually(() => expect(validated).toHaveBeenCalled());
          validated.mockRestore();
          tell('new');
        });
        expect(await signedIn!).toMatchObject({ code: 'invalid_credentials' });
      });
    }

    test('ends nothing after a rollback', async () => {
      tell('old');
      const { refreshToken } = await signIn();
      const transaction = host.dataSource.transaction(async (manager) => {
        await host.service.revokeAllOfUser(USER_ID, 'password_changed', { manager });
        throw new Error('given up');
      });
      await expect(transaction).rejects.toThrow('given up');
      await expect(refresh(refreshToken)).resolves.toBeDefined();
    });

    test('a session from before, without a version, takes it over', async () => {
      tell(undefined);
      const { sessionId, refreshToken } = await signIn();
      expect(await hashOf(sessionId)).toBeNull();
      tell('first');
      const next = await refresh(refreshToken);
      expect(await hashOf(sessionId)).toMatch(/^[\w-]{43}$/);
      tell('second');
      await ends(next.refreshToken);
    });

    test('a provider that no longer returns it accuses nobody, and is compared again later', async () => {
      tell('old');
      const { refreshToken } = await signIn();
      tell(undefined);
      const next = await refresh(refreshToken);
      tell('old');
      const third = await refresh(next.refreshToken);
      tell('new');
      await ends(third.refreshToken);
    });

    test('the session that is kept takes over the new version; the others end', async () => {
      tell('old');
      const [kept, gone] = [await signIn(), await signIn()];
      await host.dataSource.transaction((manager) =>
        host.service.revokeAllOfUser(USER_ID, 'password_changed', { exceptSessionId: kept.sessionId, manager }),
      );
      tell('new');
      const next = await refresh(kept.refreshToken);
      await ends(gone.refreshToken);
      await expect(refresh(next.refreshToken)).resolves.toBeDefined();
      tell('newest');
      await ends(next.refreshToken);
    });

    test('a rollback leaves the version of the session that was to be kept', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      const before = await hashOf(sessionId);
      await expect(
        host.dataSource.transaction(async (manager) => {
          await host.service.revokeAllOfUser(USER_ID, 'password_changed', { exceptSessionId: sessionId, manager });
          throw new Error('given up');
        }),
      ).rejects.toThrow('given up');
      expect(await hashOf(sessionId)).toBe(before);
      await expect(refresh(refreshToken)).resolves.toBeDefined();
    });

    test('a host without a transaction keeps a session, too, also if it refreshes in between', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      tell('new');
      const sleep = host.clock.sleep.bind(host.clock);
      host.clock.sleep = async (milliseconds) => {
        await host.service.revokeAllOfUser(USER_ID, 'password_changed', { exceptSessionId: sessionId });
        await sleep(milliseconds);
      };
      const next = await refresh(refreshToken).finally(() => (host.clock.sleep = sleep));
      await expect(refresh(next.refreshToken)).resolves.toBeDefined();
    });

    test('a user whose replica lags for a moment is not signed out', async () => {
      tell('new');
      const { refreshToken } = await signIn();
      tell('old');
      const sleep = host.clock.sleep.bind(host.clock);
      host.clock.sleep = async (milliseconds) => {
        tell('new');
        await sleep(milliseconds);
      };
      await expect(refresh(refreshToken).finally(() => (host.clock.sleep = sleep))).resolves.toBeDefined();
    });

    /** A refresh has loaded the user, and waits. `change` comes in between. */
    const refreshAround = async (token: string, change: () => Promise<unknown>) => {
      const loadUser = host.users.loadUser.bind(host.users);
      let toldOnce = false;
      vi.spyOn(host.users, 'loadUser').mockImplementation(async (id) => {
        const user = await loadUser(id);
        if (!toldOnce) {
          toldOnce = true;
          await change();
        }
        return user;
      });
      return refresh(token).finally(() => vi.restoreAllMocks());
    };
    const change = (version: string, exceptSessionId: string) =>
      host.dataSource.transaction(async (manager) => {
        tell(version);
        await host.service.revokeAllOfUser(USER_ID, 'password_changed', { exceptSessionId, manager });
      });

    test.each([
      ['that had no version', undefined, []],
      ['with a version', 'first', []],
      ['whose credentials changed just before', 'first', ['second']],
      ['whose credentials changed twice before', 'first', ['second', 'third']],
    ])('a session %s is kept, also if it refreshes during the change', async (_, before, changes) => {
      tell(before);
      const { sessionId, refreshToken } = await signIn();
      tell(before ?? 'first');
      for (const version of changes) await change(version, sessionId);
      const next = await refreshAround(refreshToken, () => change('last', sessionId));
      const then = await refresh(next.refreshToken);
      host.clock.advance(60_000);
      const settled = await refresh(then.refreshToken);
      tell('newest');
      await ends(settled.refreshToken);
    });

    test.each([
      ['with a version', 'old'],
      ['that had no version', undefined],
    ])('a session %s is kept while a replica of the users lags', async (_, before) => {
      tell(before);
      const { sessionId, refreshToken } = await signIn();
      await change('new', sessionId);
      tell('old');
      let tokens = await refresh(refreshToken);
      tokens = await refresh(tokens.refreshToken);
      host.clock.advance(59_000);
      tell('new');
      tokens = await refresh(tokens.refreshToken);
      host.clock.advance(60_000);
      tokens = await refresh(tokens.refreshToken);
      tell('newest');
      await ends(tokens.refreshToken);
    });

    test('a version that did not change is taken over after a minute, and then judged', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      await change('old', sessionId);
      const next = await refresh(refreshToken);
      host.clock.advance(60_000);
      const then = await refresh(next.refreshToken);
      tell('new');
      await ends(then.refreshToken);
    });

    test('a session is kept if the secret rotates while the replica lags', async () => {
      await other({ options: { secret: OLD_SECRET } }, async (before) => {
        tell('old', before);
        const { sessionId, refreshToken } = await signIn(before);
        await before.service.revokeAllOfUser(USER_ID, 'password_changed', { exceptSessionId: sessionId });
        await other({ options: { secret: [SECRET, OLD_SECRET] } }, async (after) => {
          tell('old', after);
          let tokens = await refresh(refreshToken, after);
          tokens = await refresh(tokens.refreshToken, after);
          tell('new', after);
          tokens = await refresh(tokens.refreshToken, after);
          tell('newest', after);
          await ends(tokens.refreshToken, after);
        });
      });
    });

    /** What the user provider tells at the login alone. */
    const tellAtLogin = (version: string, { users } = host) => {
      const { id, roles } = users.users.get('alice')!;
      return vi.spyOn(users, 'validateCredentials').mockResolvedValue({ id, roles, credentialsVersion: version });
    };

    test('the right password is accepted though a replica of the users lags for a moment', async () => {
      tell('old');
      tellAtLogin('new');
      vi.spyOn(host.clock, 'sleep').mockImplementation(async () => tell('new'));
      const { refreshToken } = await signIn().finally(() => vi.restoreAllMocks());
      await expect(refresh(refreshToken)).resolves.toBeDefined();
    });

    test('a login is refused if the version has changed for good', async () => {
      tell('new');
      tellAtLogin('old');
      await expect(signIn().finally(() => vi.restoreAllMocks())).rejects.toMatchObject({ code: 'invalid_credentials' });
    });

    test('a version from validateCredentials alone refuses nobody, and is told once', async () => {
      await other({}, async (context) => {
        tell(undefined, context);
        const validated = tellAtLogin('only here', context);
        const warned = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
        for (const login of [1, 2]) {
          const { refreshToken } = await signIn(context);
          await expect(refresh(refreshToken, context)).resolves.toBeDefined();
          // Nothing else tells that the password was changed during the login.
          expect(validated).toHaveBeenCalledTimes(2 * login);
        }
        expect(warned.mock.calls.filter(([text]) => String(text).includes('credentialsVersion'))).toHaveLength(1);
      }).finally(() => vi.restoreAllMocks());
    });

    test('issue without a version refuses nobody, and is told once', async () => {
      await other({}, async (context) => {
        tell('only when loaded', context);
        const warned = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
        for (let session = 0; session < 2; session++) {
          const { refreshToken } = await context.service.issue({ id: USER_ID, roles: ['user'] });
          const next = await refresh(refreshToken, context);
          tell('changed' + session, context);
          await ends(next.refreshToken, context);
        }
        expect(warned.mock.calls.filter(([text]) => String(text).includes('credentialsVersion'))).toHaveLength(1);
      }).finally(() => vi.restoreAllMocks());
    });

    test('signing out all other devices does not make a session forget its version', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      await host.service.revokeAllOfUser(USER_ID, 'logout_all', { exceptSessionId: sessionId });
      tell('new');
      await ends(refreshToken);
    });

    test('with a reason of its own the host says that the credentials have changed', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      const options = { exceptSessionId: sessionId, credentialsChanged: true };
      await host.service.revokeAllOfUser(USER_ID, 'new_passkey', options);
      tell('new');
      await expect(refresh(refreshToken)).resolves.toBeDefined();
    });

    test('the session of another user cannot be made to forget its version', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      await host.service.revokeAllOfUser('user-bob', 'password_changed', { exceptSessionId: sessionId });
      tell('new');
      await ends(refreshToken);
    });

    test('a step-up with the new password takes it over', async () => {
      tell('old');
      const { refreshToken } = await signIn();
      tell('new');
      const next = await host.module.get(StepUpService).stepUp(refreshToken, 'alice-password');
      await expect(refresh(next.refreshToken)).resolves.toBeDefined();
    });

    test('a repeated step-up takes it over, too', async () => {
      tell('old');
      const { refreshToken } = await signIn();
      const { refreshToken: live } = await refresh(refreshToken);
      tell('new');
      host.clock.advance(1);
      await host.module.get(StepUpService).stepUp(refreshToken, 'alice-password');
      await expect(refresh(live)).resolves.toBeDefined();
    });

    test('repeats and late answers are judged, too', async () => {
      tell('old');
      const [one, two] = [await signIn(), await signIn()];
      const key = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };
      for (const { refreshToken } of [one, two]) await host.service.refresh(refreshToken, {}, {}, key);
      tell('new');
      await ends(one.refreshToken);
      host.clock.advance(60_000);
      await expect(host.service.refresh(two.refreshToken, {}, {}, key)).rejects.toMatchObject({
        code: 'invalid_grant',
      });
    });

    test('parallel refreshes end the session once', async () => {
      tell('old');
      const { sessionId, refreshToken } = await signIn();
      tell('new');
      const refreshed = await Promise.allSettled([1, 2, 3, 4].map(() => refresh(refreshToken)));
      expect(refreshed.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
      expect(eventsOf(sessionId).filter((event) => event.startsWith('revoked'))).toEqual([
        'revoked credentials_changed',
      ]);
    });

    test('survives the rotation of the secret', async () => {
      tell('old');
      await other({ options: { secret: OLD_SECRET } }, async (before) => {
        tell('old', before);
        const sessions = [await signIn(before), await signIn(before)];
        await other({ options: { secret: [SECRET, OLD_SECRET] } }, async (after) => {
          tell('old', after);
          const moved = await refresh(sessions[0].refreshToken, after);
          const next = await refresh(moved.refreshToken, after);
          tell('new', after);
          await ends(next.refreshToken, after);
          await ends(sessions[1].refreshToken, after);
        });
      });
    });

    test('is judged by each module with its own keys', async () => {
      await other({ options: { name: 'staff', secret: OLD_SECRET, routePrefix: 'staff' } }, async (staff) => {
        tell('old');
        tell('old', staff);
        const sessions = { own: await signIn(), staff: await staff.service.issue(staff.users.users.get('alice')!) };
        expect(await hashOf(sessions.own.sessionId)).not.toBe(await hashOf(sessions.staff.sessionId));
        await expect(refresh(sessions.staff.refreshToken, staff)).resolves.toBeDefined();
        tell('new');
        await ends(sessions.own.refreshToken);
      });
    });

    test('holds with the hasher Argon2id', async () => {
      const hasher = { memoryCost: 1024, timeCost: 2, parallelism: 1 };
      await other({ options: { refreshToken: { hasher } } }, async (context) => {
        tell('old', context);
        const { refreshToken } = await signIn(context);
        const next = await refresh(refreshToken, context);
        tell('new', context);
        await ends(next.refreshToken, context);
      });
    });
  });
}
