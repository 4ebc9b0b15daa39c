import {
  type AuthUser,
  AuthEventBus,
  AuthEventLog,
  type ClientContext,
  Clock,
  RevocationFeed,
  SignInService,
} from 'nestjs-refresh-token';
import { AuthEventRecord, RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';
import { caughtUp, newUser, onServers, verdict } from '../support/instances.js';
import { eventually } from '../support/eventually.js';

const audit = { store: true, flushInterval: '10ms' };
const options = { audit, purge: { interval: '0s', batchSize: 3 } };
const CLIENT = { ip: '198.51.100.7', userAgent: 'Canary/1.0' };

const rows = ({ dataSource }: AuthContext) => dataSource.getRepository(RefreshToken).find();
const stored = async ({ dataSource, module }: AuthContext) => {
  await module.get(AuthEventLog).flush();
  return dataSource.getRepository(AuthEventRecord).find();
};
const begin = (
  host: AuthContext,
  user: AuthUser,
  count: number,
  client: ClientContext = CLIENT,
  deviceName = 'My canary',
) => Promise.all(Array.from({ length: count }, () => host.service.issue(user, { deviceName }, client)));

describe('forgetUser', () => {
  onEveryDatabase({ options }, (host) => {
    it('erases the events, and the user in the sessions; their tokens die, and other users stay', async () => {
      const [user, other] = [newUser([host()]), newUser([host()])];
      const sessions = await begin(host(), user, 8);
      const [kept] = await begin(host(), other, 1, {}, 'Another');
      await host().service.refresh(sessions[0].refreshToken, CLIENT);
      await host().service.revoke(sessions[1].sessionId, 'support call of My canary', CLIENT);
      // Events of a session that do not name its user.
      host()
        .module.get(AuthEventBus)
        .publish({ type: 'throttled', sessionId: sessions[2].sessionId, ...CLIENT });
      await host()
        .module.get(SignInService)
        .signIn(user.id, 'wrong', {}, CLIENT)
        .catch(() => undefined);
      await host()
        .module.get(SignInService)
        .signIn(other.id, 'wrong')
        .catch(() => undefined);

      const erased = await host().service.forgetUser(user.id, {
        username: ` ${user.id.toUpperCase()}`,
        actor: 'admin',
      });
      expect(erased.sessions).toBe(8);
      // Sign-ins, a refresh, a logout, a throttled step-up, a failed login, and what forgetUser told of itself.
      expect(erased.events).toBe(8 + 1 + 1 + 1 + 1 + 7);
      const everything = JSON.stringify([await rows(host()), await stored(host())]);
      for (const personal of [`"${user.id}"`, ...Object.values(CLIENT), 'My canary'])
        expect(everything.includes(personal), personal).toBe(false);
      expect((await stored(host())).map(({ type, actor }) => [type, actor])).toContainEqual([
        'user_forgotten',
        'admin',
      ]);
      for (const { accessToken } of sessions) expect(verdict(host(), accessToken)).toBe('token_revoked');
      expect(verdict(host(), kept.accessToken)).toBe('accepted');
      expect(await host().service.list(other.id)).toHaveLength(1);
      expect((await host().module.get(AuthEventLog).ofUser(other.id)).map(({ type }) => type)).toEqual(['signed_in']);
    });

    it('a refresh with a token of theirs is refused like that of any ended session, without the user', async () => {
      const user = newUser([host()]);
      const [{ refreshToken, sessionId }] = await begin(host(), user, 1);
      await host().service.forgetUser(user.id);
      await expect(host().service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
      const event = host().events.at(-1)!;
      expect(event).toMatchObject({ type: 'refresh_denied', reason: 'revoked', sessionId });
      expect([event.alert, event.userId]).toEqual([undefined, undefined]);
    });

    it('again, or for an unknown user, erases nothing more; a later login works', async () => {
      const user = newUser([host()]);
      await begin(host(), user, 2);
      await host().service.forgetUser(user.id);
      expect(await host().service.forgetUser(user.id)).toEqual({ sessions: 0, events: 0 });
      expect(await host().service.forgetUser('nobody')).toEqual({ sessions: 0, events: 0 });
      const [{ refreshToken }] = await begin(host(), user, 1);
      await host().service.refresh(refreshToken);
      expect(await host().service.list(user.id)).toHaveLength(1);
    });

    it('the erased rows go with the purge, and not before their access tokens have expired', async () => {
      const user = newUser([host()]);
      const [{ sessionId }] = await begin(host(), user, 1);
      await host().service.forgetUser(user.id);
      await host().service.purge();
      expect((await rows(host())).some(({ id }) => id === sessionId)).toBe(true);
      host().clock.advance(400 * 86_400_000);
      await host().service.purge();
      expect((await rows(host())).some(({ id }) => id === sessionId)).toBe(false);
    });
  });

  onServers('on several instances', (instances) => {
    it('access tokens die on all of them, also on one that starts later; queued events are erased', async () => {
      const [one, two] = [await instances.start({ options }), await instances.start({ options })];
      const user = newUser([one, two]);
      const sessions = await begin(one, user, 5);
      // Not flushed yet when the first pass of the erasure runs.
      await two.service.refresh(sessions[0].refreshToken, CLIENT);
      await one.service.forgetUser(user.id);
      await caughtUp(two);
      const three = await instances.start({ options });
      await three.module.get(RevocationFeed).readNow();
      for (const instance of [one, two, three])
        for (const { accessToken } of sessions) expect(verdict(instance, accessToken)).toBe('token_revoked');
      await two.service.purge();
      await two.module.get(AuthEventLog).flush();
      await one.service.forgetUser(user.id);
      expect((await stored(one)).filter(({ userId }) => userId === user.id)).toEqual([]);
    });

    it('removes thousands of events in batches', async () => {
      const host = await instances.start({ options: { ...options, purge: { interval: '0s', batchSize: 500 } } });
      const user = newUser([host]);
      const events = host.module.get(AuthEventBus);
      for (let event = 0; event < 3000; event++) events.publish({ type: 'refreshed', userId: user.id });
      await host.module.get(AuthEventLog).flush();
      expect(await host.service.forgetUser(user.id)).toEqual({ sessions: 0, events: 3000 });
    });

    it('waits for an event that another transaction has locked', async () => {
      const host = await instances.start({ options, clock: new Clock() });
      const user = newUser([host]);
      const left = async () => (await stored(host)).filter(({ userId }) => userId === user.id).length;
      const events = host.module.get(AuthEventBus);
      for (let event = 0; event < 2; event++) events.publish({ type: 'refreshed', userId: user.id });
      expect(await left()).toBe(2);
      const runner = host.dataSource.createQueryRunner();
      await runner.startTransaction();
      await runner.query(`SELECT id FROM auth_events WHERE user_id = '${user.id}' LIMIT 1 FOR UPDATE`);
      const forgotten = host.service.forgetUser(user.id);
      await eventually(async () => expect(await left()).toBe(1));
      await runner.commitTransaction();
      await runner.release();
      expect(await forgotten).toEqual({ sessions: 0, events: 2 });
    });
  });

  it.each([undefined, null, '', 7])('refuses %j as a user, and ends nothing', async (id) => {
    const host = await createAuthContext(await databaseNamed('sqljs').create(), { options });
    onTestFinished(() => host.close());
    const { accessToken } = await host.service.issue({ id: 'user-alice', roles: [] });
    await expect(host.service.forgetUser(id as string)).rejects.toThrow(TypeError);
    await expect(host.service.forgetUser('user-alice', { manager: 1 } as object)).rejects.toThrow(
      'no option "manager"',
    );
    await expect(host.service.forgetUser('user-alice', { username: '' })).rejects.toThrow(TypeError);
    expect(verdict(host, accessToken)).toBe('accepted');
  });

  it('works without audit.store', async () => {
    const host = await createAuthContext(await databaseNamed('sqljs').create());
    onTestFinished(() => host.close());
    await begin(host, { id: 'user-alice', roles: [] }, 2);
    expect(await host.service.forgetUser('user-alice')).toEqual({ sessions: 2, events: 0 });
  });
});
