import { Logger } from '@nestjs/common';
import type { AuthUser } from 'nestjs-refresh-token';
import type { OnTooManySessions } from '../../src/auth/session/session-options.js';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthApp, AuthContext, AuthSetup } from '../support/auth-app.js';
import { login } from '../support/http.js';
import { caughtUp, MINUTE, newUser, onServers, reasonOf, verdict } from '../support/instances.js';

const LIMIT = 3;
const IDLE_TTL = 60 * MINUTE;
const TTL = 90 * MINUTE;

onServers(`a limit of ${LIMIT} sessions per user`, (instances) => {
  const limit = (onTooManySessions: OnTooManySessions): AuthSetup => ({
    options: {
      refreshToken: { maxSessionsPerUser: LIMIT, onTooManySessions, ttl: `${TTL}ms`, idleTtl: `${IDLE_TTL}ms` },
    },
  });
  let elsewhere: AuthContext;
  let user: AuthUser;
  beforeAll(async () => {
    elsewhere = await instances.start();
  });

  /** This number of sessions, begun one minute apart. */
  async function begin({ service, clock }: AuthContext, count: number, whose = user) {
    const sessions = [];
    for (let begun = 0; begun < count; begun++) {
      clock.advance(MINUTE);
      sessions.push(await service.issue(whose));
    }
    return sessions;
  }

  const alive = async ({ service }: AuthContext) => (await service.list(user.id)).map(({ id }) => id).sort();
  const idsOf = (sessions: { sessionId: string }[]) => sessions.map(({ sessionId }) => sessionId).sort();

  describe('that refuses', () => {
    let app: AuthApp;
    beforeAll(async () => {
      app = await instances.listen(limit('refuse'));
    });
    const signIn = ({ id }: AuthUser) => login(app.url, { username: id, password: `${id}-password` });

    it('lets nobody in who has as many, and harms none of them', async () => {
      user = newUser([app]);
      const sessions = await begin(app, LIMIT);
      expect(await signIn(user)).toMatchObject({ status: 403, body: { error: 'session_limit' } });
      expect(await alive(app)).toEqual(idsOf(sessions));
      for (const { accessToken } of sessions) expect(verdict(app, accessToken)).toBe('accepted');
      expect(await signIn(newUser([app]))).toMatchObject({ status: 200 });

      await app.service.revoke(sessions[0].sessionId, 'ended_by_user');
      expect(await signIn(user)).toMatchObject({ status: 200 });
    });

    it('does not count the dead: neither the idle, nor the expired, nor the revoked', async () => {
      user = newUser([app]);
      const [kept] = await begin(app, LIMIT);
      app.clock.advance(IDLE_TTL / 2);
      const { refreshToken } = await app.service.refresh(kept.refreshToken);
      app.clock.advance(IDLE_TTL / 2);
      // The two others have been idle for too long by now.
      await begin(app, LIMIT - 1);
      await expect(app.service.issue(user)).rejects.toMatchObject({ code: 'session_limit' });

      await app.service.refresh(refreshToken);
      app.clock.advance(TTL - IDLE_TTL);
      // The first has reached its end, however lately it was used.
      await begin(app, 1);
      await expect(app.service.issue(user)).rejects.toMatchObject({ code: 'session_limit' });

      await app.service.revokeAllOfUser(user.id, 'logout_all');
      await begin(app, LIMIT);
      await expect(app.service.issue(user)).rejects.toMatchObject({ code: 'session_limit' });
    });

    it('does not count a sign-in that came to nothing', async () => {
      user = newUser([app]);
      const { users } = app;
      const { validateCredentials, loadUser } = users;
      Logger.overrideLogger(false); // each failure is logged
      try {
        // The host fails when it is asked for the second time.
        let asked = 0;
        users.validateCredentials = (name, password) =>
          ++asked % 2 === 0 ? Promise.reject(new Error('down')) : validateCredentials(name, password);
        for (let attempt = 0; attempt < LIMIT; attempt++) expect((await signIn(user)).status).toBe(503);
        expect(await alive(app)).toEqual([]);
        users.loadUser = () => Promise.reject(new Error('down'));
        for (let attempt = 0; attempt < LIMIT; attempt++) expect((await signIn(user)).status).toBe(503);
        expect(await alive(app)).toEqual([]);
      } finally {
        Object.assign(users, { validateCredentials, loadUser });
      }
      expect(await signIn(user)).toMatchObject({ status: 200 });
    });
  });

  describe.for([
    { onTooManySessions: 'end_oldest', leaves: 0 },
    { onTooManySessions: 'end_longest_idle', leaves: 1 },
  ] as const)('with $onTooManySessions', ({ onTooManySessions, leaves }) => {
    let here: AuthContext;
    beforeAll(async () => {
      here = await instances.start(limit(onTooManySessions));
    });

    it('ends that one for the new one, at once and with its reason', async () => {
      user = newUser([here]);
      const [stranger] = await begin(here, 1, newUser([here]));
      const sessions = await begin(here, LIMIT);
      here.clock.advance(MINUTE);
      // The oldest is the last used.
      await here.service.refresh(sessions[0].refreshToken);

      const [added] = await begin(here, 1);
      const [ended] = sessions.splice(leaves, 1);
      expect(await alive(here)).toEqual(idsOf([...sessions, added]));
      expect(await reasonOf(here, ended.sessionId)).toBe('session_limit');
      expect(here.events).toContainEqual(
        expect.objectContaining({ type: 'revoked', sessionId: ended.sessionId, reason: 'session_limit' }),
      );
      await caughtUp(elsewhere);
      for (const instance of [here, elsewhere]) expect(verdict(instance, ended.accessToken)).toBe('token_revoked');
      for (const { accessToken } of [...sessions, added, stranger]) {
        expect(verdict(here, accessToken)).toBe('accepted');
      }
    });

    it('ends as many as it takes, where the limit has been lowered', async () => {
      user = newUser([elsewhere, here]);
      here.clock.advance(MINUTE);
      elsewhere.clock.time = here.clock.time;
      await begin(elsewhere, 2 * LIMIT);
      here.clock.time = elsewhere.clock.time;
      await begin(here, 1);
      expect(await alive(here)).toHaveLength(LIMIT);
    });
  });

  describe('and one of its own for a client', () => {
    const ofClients = (onTooManySessions: OnTooManySessions): AuthSetup => ({
      options: {
        refreshToken: { maxSessionsPerUser: LIMIT, onTooManySessions, clients: { tv: { maxSessionsPerUser: 1 } } },
      },
    });
    const from = async ({ service, clock }: AuthContext, clientId: string) => {
      clock.advance(MINUTE);
      return service.issue(user, { clientId });
    };

    it('counts the sessions of that client alone, and the others in all', async () => {
      const here = await instances.start(ofClients('end_oldest'));
      user = newUser([here]);
      const web = await from(here, 'web');
      const first = await from(here, 'tv');
      // Not the oldest session leaves, but that of the same client: it makes room for both limits.
      const second = await from(here, 'tv');
      expect(await alive(here)).toEqual(idsOf([web, second]));
      expect(await reasonOf(here, first.sessionId)).toBe('session_limit');
      const app = await from(here, 'app');
      expect(await alive(here)).toEqual(idsOf([web, second, app]));
      // All have three, so the oldest leaves.
      const other = await from(here, 'app');
      expect(await alive(here)).toEqual(idsOf([second, app, other]));
    });

    it('refuses the second sign-in of that client, and no other', async () => {
      const here = await instances.start(ofClients('refuse'));
      user = newUser([here]);
      const tv = await from(here, 'tv');
      await expect(from(here, 'tv')).rejects.toMatchObject({ code: 'session_limit' });
      const web = await from(here, 'web');
      expect(await alive(here)).toEqual(idsOf([tv, web]));
    });
  });
});
