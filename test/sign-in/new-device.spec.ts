import { Logger } from '@nestjs/common';
import { type AuthUser, type NewDevice, RefreshTokenService } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { IsNull } from 'typeorm';
import { adapters, type AuthContext, createAuthContext, HostUsers, SECRET } from '../support/auth-app.js';
import { databaseNamed, databases } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { onEveryDatabase } from '../support/every-database.js';
import { cookiesSet, login, refresh } from '../support/http.js';
import { listening } from '../support/listening.js';

const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36';
const NEWER_CHROME = CHROME.replace('139', '140');
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0';
const DEVICE_COOKIE = '__Host-refresh_token_device_id';
const DAY = 86_400_000;

type OnNewDevice = (device: NewDevice) => void | Promise<void>;
let told: NewDevice[] = [];
let hook: OnNewDevice = () => undefined;
const onNewDevice: OnNewDevice = (device) => {
  told.push(device);
  return hook(device);
};
beforeEach(() => {
  told = [];
  hook = () => undefined;
});
afterEach(() => vi.restoreAllMocks());

let users = 0;
const newUser = (): AuthUser => ({ id: `user-${++users}`, roles: [] });

/** Any user exists. */
class AllUsers extends HostUsers {
  override loadUser = async (id: string): Promise<AuthUser | null> => ({ id, roles: [] });
}

/** Every sign-in until now has been judged: each that succeeded has its mark, and so many were new. */
function judged({ dataSource }: Pick<AuthContext, 'dataSource'>, count: number): Promise<void> {
  return eventually(async () => {
    const rows = await dataSource.getRepository(RefreshToken).findBy({ deviceHash: IsNull() });
    expect(rows.filter(({ revokedReason }) => revokedReason !== 'user_unavailable')).toEqual([]);
    expect(told).toHaveLength(count);
  });
}

describe('a sign-in from a new device', () => {
  onEveryDatabase({ options: { refreshToken: { onNewDevice } }, users: new AllUsers() }, (host) => {
    it('is told once for each kind of device, and not at refreshes', async () => {
      const { service, events, clock } = host();
      const user = newUser();
      const client = { ip: '192.0.2.1', userAgent: CHROME, country: 'DE' };
      const first = await service.issue(user, { clientId: 'ios', deviceName: 'Laptop' }, client);
      await judged(host(), 1);
      expect(told).toEqual([
        {
          userId: user.id,
          sessionId: first.sessionId,
          clientId: 'ios',
          deviceName: 'Laptop',
          ...client,
          signedInAt: clock.now(),
          isFirst: true,
        },
      ]);
      expect(events.filter(({ type }) => type === 'new_device')).toMatchObject([
        { userId: user.id, sessionId: first.sessionId, reason: 'first_session', ...client },
      ]);
      await service.refresh(first.refreshToken, { userAgent: FIREFOX });
      await service.issue(user, {}, { userAgent: NEWER_CHROME });
      await judged(host(), 1);
      await service.issue(user, {}, { userAgent: FIREFOX });
      await judged(host(), 2);
      await service.issue(user);
      await judged(host(), 3);
      expect(told.map(({ userAgent, isFirst }) => [userAgent, isFirst])).toEqual([
        [CHROME, true],
        [FIREFOX, false],
        [null, false],
      ]);
    });

    it('is told once if many sign in there at the same moment', async () => {
      const user = newUser();
      await Promise.all(Array.from({ length: 8 }, () => host().service.issue(user, {}, { userAgent: CHROME })));
      await judged(host(), 1);
    });

    it('is known by its id, whatever the user agent says, and for this user alone', async () => {
      const [user, other] = [newUser(), newUser()];
      const sent: [AuthUser, string | undefined, string, count: number][] = [
        [user, 'tablet-1', CHROME, 1],
        [user, 'tablet-1', FIREFOX, 1],
        [user, 'tablet-2', FIREFOX, 2],
        [user, undefined, FIREFOX, 3],
        [other, 'tablet-1', CHROME, 4],
      ];
      for (const [of, deviceId, userAgent, count] of sent) {
        await host().service.issue(of, { deviceId }, { userAgent });
        await judged(host(), count);
      }
      expect(told.map(({ userId, userAgent }) => [userId, userAgent])).toEqual([
        [user.id, CHROME],
        [user.id, FIREFOX],
        [user.id, FIREFOX],
        [other.id, CHROME],
      ]);
      const rows = await host().dataSource.getRepository(RefreshToken).find();
      expect(JSON.stringify(rows)).not.toContain('tablet');
    });

    it('is known from an ended session, until the purge', async () => {
      const { service, clock } = host();
      const user = newUser();
      const signIn = async (count: number) => {
        const { sessionId } = await service.issue(user, {}, { userAgent: CHROME });
        await judged(host(), count);
        await service.revoke(sessionId, 'logout');
      };
      await signIn(1);
      clock.advance(6 * DAY);
      await signIn(1);
      clock.advance(8 * DAY);
      await service.purge();
      await signIn(2);
      expect(told.map(({ isFirst }) => isFirst)).toEqual([true, true]);
    });

    it('does not become known by a sign-in that failed', async () => {
      const { service, users } = host();
      const user = newUser();
      const { loadUser } = users;
      users.loadUser = async () => null;
      const client = { userAgent: CHROME };
      await expect(service.issue(user, {}, client)).rejects.toMatchObject({ code: 'invalid_credentials' });
      users.loadUser = loadUser;
      await service.issue(user, {}, client);
      await eventually(() => expect(told).toHaveLength(1));
      expect(told).toMatchObject([{ isFirst: false }]);
    });
  });

  it.each(['', 'x'.repeat(256), 'a\nb', 7])('with the device id %j is refused, and begins no session', async (id) => {
    const host = await createAuthContext(await databaseNamed('sqljs').create());
    onTestFinished(() => host.close());
    const deviceId = id as string;
    await expect(host.service.issue(newUser(), { deviceId })).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await host.dataSource.getRepository(RefreshToken).count()).toBe(0);
  });

  it('is told once by two instances, and is known after the secret was changed', async () => {
    const database = await databases[0].create();
    const setup = { users: new AllUsers(), options: { refreshToken: { onNewDevice } } };
    const hosts = [await createAuthContext(database, setup), await createAuthContext(database, setup)];
    const user = newUser();
    const client = { userAgent: CHROME };
    await Promise.all([...hosts, ...hosts, ...hosts].map(({ service }) => service.issue(user, {}, client)));
    await judged(hosts[0], 1);
    const secret = ['kX9-another-Zp2vQ7mB4nT8wL1cR6yH3jF5', SECRET];
    const rotated = await createAuthContext(database, { ...setup, options: { ...setup.options, secret } });
    onTestFinished(async () => {
      for (const host of [...hosts, rotated]) await host.close();
      await database.drop();
    });
    await rotated.module.get(RefreshTokenService).issue(user, {}, client);
    await judged(rotated, 1);
  });
});

for (const adapter of adapters) {
  describe(`a browser that signs in (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { onNewDevice } }, users: new AllUsers() });
    const ALICE = { username: 'alice', password: 'alice-password' };
    const signIn = async (count: number, headers: Record<string, string> = {}, more: object = {}) => {
      const answer = await login(app.url, { ...ALICE, ...more }, { 'user-agent': CHROME, ...headers });
      expect(answer.status).toBe(200);
      await judged(app, count);
      return answer;
    };
    const idIn = (answer: Awaited<ReturnType<typeof login>>) =>
      cookiesSet(answer).find(({ name }) => name === DEVICE_COOKIE)?.value;
    const withId = (id: string | undefined) => ({ cookie: `${DEVICE_COOKIE}=${id}` });

    it('gets a cookie that tells it from another one of the same kind', async () => {
      const first = await signIn(1);
      expect(cookiesSet(first).find(({ name }) => name === DEVICE_COOKIE)).toMatchObject({
        httpOnly: true,
        secure: true,
        sameSite: 'lax',
        path: '/',
        maxAge: 400 * 24 * 60 * 60,
      });
      const again = await signIn(1, withId(idIn(first)));
      expect(idIn(again)).toBe(idIn(first));
      const other = await signIn(2);
      expect(idIn(other)).not.toBe(idIn(first));
      for (const [index, forged] of ['', 'x', `${idIn(first)}x`, '"><script>'].entries()) {
        expect(idIn(await signIn(3 + index, withId(forged)))).toMatch(/^[\w-]{22}$/);
      }
    });

    it('is told once if its login is repeated with the same key', async () => {
      const key = { idempotency_key: 'uQ3nT0kq9o2dJc5w' };
      const answers = [await signIn(1, {}, key), await signIn(1, {}, key)];
      expect(new Set(answers.map(idIn)).size).toBe(1);
    });

    it('gets no cookie with the transport body, and none at a refresh', async () => {
      const answer = await signIn(1, { 'user-agent': FIREFOX }, { transport: 'body' });
      expect(cookiesSet(answer)).toEqual([]);
      expect(cookiesSet(await refresh(app.url, answer.body.refresh_token))).toEqual([]);
    });

    it('is answered whatever the hook does', async () => {
      const lines: string[] = [];
      vi.spyOn(Logger.prototype, 'error').mockImplementation((line: string) => void lines.push(line));
      const hooks: OnNewDevice[] = [
        () => {
          throw new Error('no mail today');
        },
        () => Promise.reject(new Error('no mail today')),
        () => new Promise(() => undefined),
      ];
      for (const [index, one] of hooks.entries()) {
        hook = one;
        await signIn(index + 1);
      }
      await eventually(() => expect(lines).toHaveLength(2));
      expect(lines[0]).toBe('A new device was not told: Error: no mail today');
    });
  });
}

describe('where nobody asks for new devices', () => {
  const app = listening('express');
  it('nothing is told, marked or set', async () => {
    const answer = await login(app.url, { username: 'alice', password: 'alice-password' }, { 'user-agent': CHROME });
    expect(cookiesSet(answer)).toHaveLength(1);
    const [row] = await app.dataSource.getRepository(RefreshToken).find();
    expect(row.deviceHash).toBeNull();
    expect(app.events.map(({ type }) => type)).toEqual(['signed_in']);
  });

  it('a hook that is no function stops the start', async () => {
    const options = { refreshToken: { onNewDevice: 'mail' as unknown as boolean } };
    await expect(createAuthContext(await databaseNamed('sqljs').create(), { options })).rejects.toThrow(
      'refreshToken.onNewDevice must be a function, or true for the event new_device alone.',
    );
  });
});
