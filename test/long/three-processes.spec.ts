import type { IssuedTokens } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoProcess } from '../support/demo-process.js';
import { bearer, refresh, send } from '../support/http.js';
import { newUser } from '../support/instances.js';
import { available, expectSoon, Service, type ServiceSetup, signIn, verdictOf } from '../support/demo-service.js';
import { eventually } from '../support/eventually.js';

const setups: ServiceSetup[] = [
  { title: 'PostgreSQL', database: 'postgres', redis: false, delay: '1s' },
  { title: 'MariaDB', database: 'mariadb', redis: false, delay: '1s' },
  // Read so seldom that whatever arrives here has come by Redis.
  { title: 'PostgreSQL and Redis', database: 'postgres', redis: true, delay: '10m' },
];

for (const setup of setups) {
  describe.skipIf(!available(setup))(`three processes on ${setup.title}`, () => {
    const service = new Service(setup);
    let a: DemoProcess;
    let others: DemoProcess[];
    beforeAll(async () => {
      await service.start(3);
      [a, ...others] = service.demos;
      if (setup.redis) {
        for (const demo of service.demos) {
          await eventually(() => expect(demo.output()).toContain('The revocation channel is connected'));
        }
      }
    });
    afterAll(() => service.stop());

    it('refuse on B and C what was revoked on A, and nothing else', async () => {
      const [ended, spared, stranger] = [await signIn(a, 'alice'), await signIn(a, 'alice'), await signIn(a, 'bob')];
      for (const demo of service.demos) expect(await verdictOf(demo, ended.accessToken)).toBe('accepted');

      const answer = await send('POST', `${a.url}/auth/logout`, { body: { refresh_token: ended.refreshToken } });
      expect(answer.status).toBe(204);
      expect(await verdictOf(a, ended.accessToken)).toBe('token_revoked');
      await expectSoon(others, ended.accessToken, 'token_revoked');
      for (const demo of service.demos) {
        expect(await verdictOf(demo, spared.accessToken)).toBe('accepted');
        expect(await verdictOf(demo, stranger.accessToken)).toBe('accepted');
        expect(await refresh(demo.url, ended.refreshToken)).toMatchObject({ status: 401 });
      }
    });

    it('refuse on B and C a role that was taken away on A; one refresh heals', async () => {
      const admin = await signIn(a, 'admin');
      const bob = await signIn(others[0], 'bob');
      const setRoles = (roles: string[]) =>
        send('PUT', `${a.url}/admin/users/bob/roles`, { headers: bearer(admin.accessToken), body: { roles } });
      const asAdmin = (demo: DemoProcess, accessToken: string) =>
        send('GET', `${demo.url}/admin/users`, { headers: bearer(accessToken) });

      expect(await setRoles(['user', 'admin'])).toMatchObject({ status: 204 });
      await expectSoon(service.demos, bob.accessToken, 'token_stale');
      const raised = (await refresh(others[0].url, bob.refreshToken)).body;
      for (const demo of service.demos) expect(await asAdmin(demo, raised.access_token)).toMatchObject({ status: 200 });

      expect(await setRoles(['user'])).toMatchObject({ status: 204 });
      await expectSoon(service.demos, raised.access_token, 'token_stale');
      const lowered = (await refresh(others[1].url, raised.refresh_token)).body;
      for (const demo of service.demos) {
        expect(await verdictOf(demo, lowered.access_token)).toBe('accepted');
        expect(await asAdmin(demo, lowered.access_token)).toMatchObject({ status: 403 });
      }
    });

    it('refuse all of one thousand that are revoked at once, and no other', async () => {
      const { issuer } = service;
      const issue = (count: number, user = newUser([issuer])): Promise<IssuedTokens[]> =>
        Promise.all(Array.from({ length: count }, () => issuer.service.issue(user)));
      // Half of them one by one, half of them user by user, each of whom keeps one.
      const single = await issue(500);
      const users = Array.from({ length: 20 }, () => newUser([issuer]));
      const ofUsers = await Promise.all(users.map((user) => issue(26, user)));
      const kept = ofUsers.map(([first]) => first);
      const spared = [...(await issue(80)), ...kept];
      const ended = [...single, ...ofUsers.flatMap(([, ...rest]) => rest)];
      expect(ended).toHaveLength(1000);

      await Promise.all([
        ...single.map(({ sessionId }) => issuer.service.revoke(sessionId, 'ended_by_admin')),
        ...users.map(({ id }, index) =>
          issuer.service.revokeAllOfUser(id, 'ended_by_admin', { exceptSessionId: kept[index].sessionId }),
        ),
      ]);

      await each(ended, ({ accessToken }) => expectSoon(others, accessToken, 'token_revoked'));
      await each(spared, async ({ accessToken }) => {
        for (const demo of others) expect(await verdictOf(demo, accessToken)).toBe('accepted');
      });
    });

    it('are joined by a fourth, which has the whole list before it is asked', async () => {
      const ended = await signIn(a, 'alice');
      const spared = await signIn(a, 'alice');
      await send('DELETE', `${a.url}/auth/sessions/${ended.sessionId}`, { headers: bearer(spared.accessToken) });
      const late = await service.launch({ REVOCATION_DELAY: '10m', REDIS_URL: '' });
      expect(await verdictOf(late, ended.accessToken)).toBe('token_revoked');
      expect(await verdictOf(late, spared.accessToken)).toBe('accepted');
    });
  });
}

/** Some at a time. */
async function each<T>(items: T[], check: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await check(next);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}
