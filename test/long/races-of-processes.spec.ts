import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoProcess } from '../support/demo-process.js';
import { type Answer, type AuthBody, bearer, login, refresh, send } from '../support/http.js';
import {
  available,
  expectSoon,
  haveCaughtUp,
  rolesIn,
  Service,
  type ServiceSetup,
  signIn,
  verdictOf,
} from '../support/demo-service.js';

const setups: ServiceSetup[] = [
  { title: 'PostgreSQL', database: 'postgres', redis: false, delay: '100ms' },
  { title: 'MariaDB', database: 'mariadb', redis: false, delay: '100ms' },
];
/** The databases side by side: most of the time is spent on waiting for a reading of the table. */
const LIMIT = { concurrent: true, timeout: 120_000 };
const ROUNDS = Array.from({ length: 6 }, (_, round) => round);

for (const setup of setups) {
  describe.skipIf(!available(setup))(`races between two processes on ${setup.title}`, LIMIT, () => {
    const service = new Service(setup);
    let a: DemoProcess;
    let b: DemoProcess;
    beforeAll(async () => {
      await service.start(2);
      [a, b] = service.demos;
    });
    afterAll(() => service.stop());

    function succeeded(answers: Answer<AuthBody>[]): AuthBody[] {
      for (const { status } of answers) expect([200, 401]).toContain(status);
      return answers.filter(({ status }) => status === 200).map(({ body }) => body);
    }

    /** After the delay, neither the one nor the other process takes anything from these answers. */
    async function expectNothingLeft(answers: Answer<AuthBody>[]): Promise<void> {
      await haveCaughtUp(a, b);
      for (const { access_token, refresh_token } of succeeded(answers)) {
        for (const demo of [a, b]) {
          expect(await verdictOf(demo, access_token)).toBe('token_revoked');
          expect((await refresh(demo.url, refresh_token)).status).toBe(401);
        }
      }
    }

    /** A session that began just before the commit of the change ends at its first refresh, and its access token with it. */
    async function expectEndAtFirstRefresh(signIns: Answer<AuthBody>[]): Promise<void> {
      for (const { access_token, refresh_token } of succeeded(signIns)) {
        for (const demo of [a, b]) expect((await refresh(demo.url, refresh_token)).status).toBe(401);
        await expectSoon([a, b], access_token, 'token_revoked');
      }
    }

    const loginAs = (demo: DemoProcess, username: string, password: string) =>
      login(demo.url, { username, password, transport: 'body' });

    it.sequential('a new password ends refreshes at once, and overlapping sign-ins at their first', async () => {
      let password = 'alice-password';
      for (const round of ROUNDS) {
        const current = await signIn(a, 'alice', password);
        const other = await signIn(b, 'alice', password);
        const next = `alice-password-${round}`;
        const changing = send('POST', `${a.url}/profile/password`, {
          headers: bearer(current.accessToken),
          body: { current: password, next },
        });
        const refreshing = [refresh(b.url, other.refreshToken), refresh(a.url, other.refreshToken)];
        const signingIn = [loginAs(a, 'alice', password), loginAs(b, 'alice', password)];
        const [refreshed, signedIn] = [await Promise.all(refreshing), await Promise.all(signingIn)];
        expect((await changing).status).toBe(204);
        await expectNothingLeft(refreshed);
        await expectEndAtFirstRefresh(signedIn);
        // The session from which it was changed lives.
        for (const demo of [a, b]) expect(await verdictOf(demo, current.accessToken)).toBe('accepted');
        expect((await refresh(b.url, current.refreshToken)).status).toBe(200);
        password = next;
      }
    });

    it.sequential('the end of all sessions leaves nothing of a refresh', async () => {
      const admin = await signIn(a, 'admin');
      for (let round = 0; round < ROUNDS.length; round++) {
        const sessions = await Promise.all([signIn(a, 'bob'), signIn(b, 'bob')]);
        const ending = send('DELETE', `${a.url}/admin/users/bob/sessions`, { headers: bearer(admin.accessToken) });
        const answers = await Promise.all(
          sessions.flatMap(({ refreshToken }) => [refresh(b.url, refreshToken), refresh(a.url, refreshToken)]),
        );
        expect((await ending).status).toBe(204);
        await expectNothingLeft(answers);
        for (const { accessToken } of sessions) {
          for (const demo of [a, b]) expect(await verdictOf(demo, accessToken)).toBe('token_revoked');
        }
      }
    });

    it.sequential('a disabled user has nothing left of a refresh, or of a sign-in', async () => {
      const admin = await signIn(a, 'admin');
      const disable = (disabled: boolean) =>
        send('PUT', `${a.url}/admin/users/bob/disabled`, { headers: bearer(admin.accessToken), body: { disabled } });
      for (let round = 0; round < ROUNDS.length; round++) {
        const before = await signIn(b, 'bob');
        const signingIn = [loginAs(a, 'bob', 'bob-password'), loginAs(b, 'bob', 'bob-password')];
        const disabling = disable(true);
        const answers = await Promise.all([refresh(b.url, before.refreshToken), ...signingIn]);
        expect((await disabling).status).toBe(204);
        await expectNothingLeft(answers);
        await disable(false);
      }
    });

    it.sequential('no access token with the old roles is accepted, and nobody is signed out', async () => {
      const admin = await signIn(a, 'admin');
      const setRoles = (roles: string[]) =>
        send('PUT', `${a.url}/admin/users/bob/roles`, { headers: bearer(admin.accessToken), body: { roles } });
      for (let round = 0; round < ROUNDS.length; round++) {
        await setRoles(['user', 'admin']);
        const before = await signIn(b, 'bob');
        const signingIn = [loginAs(a, 'bob', 'bob-password'), loginAs(b, 'bob', 'bob-password')];
        const lowering = setRoles(['user']);
        const answers = await Promise.all([refresh(b.url, before.refreshToken), ...signingIn]);
        expect((await lowering).status).toBe(204);

        await haveCaughtUp(a, b);
        for (const { status, body } of answers) {
          expect(status).toBe(200);
          const old = rolesIn(service.issuer, body.access_token).includes('admin');
          for (const demo of [a, b]) if (old) expect(await verdictOf(demo, body.access_token)).toBe('token_stale');
          const healed = await refresh(a.url, body.refresh_token);
          for (const demo of [a, b]) expect(await verdictOf(demo, healed.body.access_token)).toBe('accepted');
          expect(rolesIn(service.issuer, healed.body.access_token)).toEqual(['user']);
        }
      }
    });
  });
}
