import {
  AuthEventBus,
  AuthEventLog,
  type AuthUser,
  Clock,
  type IssuedTokens,
  SignInService,
} from 'nestjs-refresh-token';
import { AuthEventRecord, RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AuthContext, createAuthContext, type HostUsers } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';
import { newUser, verdict } from '../support/instances.js';
import { eventually } from '../support/eventually.js';

const options = { audit: { store: true, flushInterval: '10ms' }, purge: { interval: '0s', batchSize: 3 } };
const CLIENT = { ip: '198.51.100.7', userAgent: 'Canary/1.0' };

/** Calls of this method wait from now on, until they are released. */
function held({ users }: AuthContext, method: 'validateCredentials' | 'loadUser') {
  const original = users[method] as (...given: string[]) => Promise<AuthUser | null>;
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const waiting = vi.fn((...given: string[]) => released.then(() => original(...given)));
  users[method] = waiting as HostUsers['loadUser'];
  onTestFinished(() => void (users[method] = original as HostUsers['loadUser']));
  return { release, called: () => eventually(() => expect(waiting).toHaveBeenCalled()) };
}

const begin = (host: AuthContext, user: AuthUser) => host.service.issue(user, { deviceName: 'My canary' }, CLIENT);
const signIn = (host: AuthContext, { id }: AuthUser): Promise<IssuedTokens> =>
  host.module.get(SignInService).signIn(id, `${id}-password`, { deviceName: 'My canary' }, CLIENT);

/** The first pass is over, and the second has not begun. */
async function firstPass({ dataSource }: AuthContext, id: string): Promise<void> {
  const sessions = dataSource.getRepository(RefreshToken);
  await eventually(async () => expect(await sessions.findOneByOrFail({ id })).toHaveProperty('userId', ''));
}

async function expectNothingOf({ dataSource, module }: AuthContext, user: AuthUser): Promise<void> {
  await module.get(AuthEventLog).flush();
  const everything = JSON.stringify([
    await dataSource.getRepository(RefreshToken).find(),
    await dataSource.getRepository(AuthEventRecord).find(),
  ]);
  for (const personal of [`"${user.id}"`, ...Object.values(CLIENT), 'My canary'])
    expect(everything.includes(personal), personal).toBe(false);
}

describe('forgetUser, while requests of the user run', () => {
  onEveryDatabase({ options, clock: new Clock() }, (host) => {
    it('ends and erases the session of a sign-in', async () => {
      const user = newUser([host()]);
      const { sessionId } = await begin(host(), user);
      const { release } = held(host(), 'validateCredentials');
      const late = signIn(host(), user);
      const forgotten = host().service.forgetUser(user.id);
      await firstPass(host(), sessionId);
      release();
      const { accessToken } = await late;
      expect(await forgotten).toHaveProperty('sessions', 2);
      expect(verdict(host(), accessToken)).toBe('token_revoked');
      expect(host().events.at(-1)).toMatchObject({ type: 'user_forgotten', count: 2 });
      await expectNothingOf(host(), user);
    });

    it('erases the events of a refresh, also those that name only its session', async () => {
      const user = newUser([host()]);
      const { refreshToken, sessionId } = await begin(host(), user);
      const { release, called } = held(host(), 'loadUser');
      const late = expect(host().service.refresh(refreshToken, CLIENT)).rejects.toMatchObject({
        code: 'invalid_grant',
      });
      await called();
      const forgotten = host().service.forgetUser(user.id);
      await firstPass(host(), sessionId);
      release();
      await late;
      host()
        .module.get(AuthEventBus)
        .publish({ type: 'throttled', sessionId, ...CLIENT });
      expect(await forgotten).toHaveProperty('sessions', 1);
      await expectNothingOf(host(), user);
    });

    it('erases the events of sessions that no event of the user names', async () => {
      const user = newUser([host()]);
      const sessions = await Promise.all(Array.from({ length: 5 }, () => begin(host(), user)));
      await host().module.get(AuthEventLog).flush();
      // As the purge of old events leaves it.
      await host().dataSource.getRepository(AuthEventRecord).clear();
      const events = host().module.get(AuthEventBus);
      for (const { sessionId } of sessions) events.publish({ type: 'throttled', sessionId, ...CLIENT });
      expect(await host().service.forgetUser(user.id)).toHaveProperty('sessions', 5);
      await expectNothingOf(host(), user);
    });
  });

  it('without audit.store, ends and erases the session of a sign-in', async () => {
    const host = await createAuthContext(await databaseNamed('sqljs').create(), { clock: new Clock() });
    onTestFinished(() => host.close());
    const user = newUser([host]);
    const { sessionId } = await begin(host, user);
    const { release } = held(host, 'validateCredentials');
    const late = signIn(host, user);
    const forgotten = host.service.forgetUser(user.id);
    await firstPass(host, sessionId);
    release();
    const { accessToken } = await late;
    expect(await forgotten).toEqual({ sessions: 2, events: 0 });
    expect(verdict(host, accessToken)).toBe('token_revoked');
  });

  it('waits until other instances have written what they had queued, however long their events may wait', async () => {
    const audit = { store: true, flushInterval: '60s' };
    const host = await createAuthContext(await databaseNamed('sqljs').create(), { options: { audit } });
    onTestFinished(() => host.close());
    const { time } = host.clock;
    await host.service.forgetUser('user-alice');
    expect(host.clock.time - time).toBeGreaterThanOrEqual(60_500);
  });
});
