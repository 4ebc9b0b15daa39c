import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { type AuthBody, bearer, cookieHeader, login, refresh, refreshCookie, send } from '../support/http.js';
import { as, AUTH_SECRET, type DemoSession, signIn } from '../support/demos.js';

/** The last test waits for long. */
const SIDE_BY_SIDE = { concurrent: true };

describe('the laboratory', SIDE_BY_SIDE, () => {
  let database: TestDatabase;
  let demo: DemoProcess;
  let admin: DemoSession;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    demo = await startDemo({ DATABASE_URL: database.url!, AUTH_SECRET });
    admin = await signIn(demo.url, 'admin');
  });
  afterAll(async () => {
    await demo?.stop();
    await database?.drop();
  });

  const give = (username: string, roles: string[]) =>
    as(admin, 'PUT', `${demo.url}/admin/users/${username}/roles`, { roles });
  const rolesOf = async (username: string) => {
    const { body } = await as<{ username: string; roles: string[] }[]>(admin, 'GET', `${demo.url}/admin/users`);
    return body.find((user) => user.username === username)!.roles;
  };
  const role = (session: DemoSession, method: string) => as(session, method, `${demo.url}/laboratory/role`);
  const renewed = async ({ refreshToken }: DemoSession): Promise<DemoSession> => {
    const { body } = await refresh(demo.url, refreshToken);
    return { accessToken: body.access_token, refreshToken: body.refresh_token };
  };

  describe('on request', () => {
    test.sequential(
      'says for how long a predecessor is good, whether there are rules, and how many logins may fail',
      async () => {
        const circumstances = { grace_ms: 10_000, rules: true, login_failures: 30 };
        expect((await as(admin, 'GET', `${demo.url}/laboratory`)).body).toEqual(circumstances);
      },
    );

    test.sequential('gives back the role that it has taken', async () => {
      const bob = await signIn(demo.url, 'bob');
      expect((await role(bob, 'DELETE')).status).toBe(204);
      expect(await rolesOf('bob')).toEqual([]);
      expect((await role(await renewed(bob), 'PUT')).status).toBe(204);
      expect(await rolesOf('bob')).toEqual(['user']);
    });

    test.sequential('gives no role to who had none, and says so', async () => {
      await give('bob', []);
      const bob = await signIn(demo.url, 'bob');
      expect(await role(bob, 'DELETE')).toMatchObject({
        status: 409,
        body: { error: 'no_such_role', error_description: expect.stringContaining('“user”') as string },
      });
      expect((await role(bob, 'PUT')).status).toBe(204);
      expect(await rolesOf('bob')).toEqual([]);
      await give('bob', ['user']);
    });

    test.sequential('gives no role back that an administrator has removed meanwhile', async () => {
      const bob = await signIn(demo.url, 'bob');
      expect((await role(bob, 'DELETE')).status).toBe(204);
      await give('bob', []);
      expect((await role(await renewed(bob), 'PUT')).status).toBe(204);
      expect(await rolesOf('bob')).toEqual([]);
      await give('bob', ['user']);
      expect(await rolesOf('bob')).toEqual(['user']);
    });

    test.sequential('gives the role back when the session ends', async ({ expect }) => {
      const bob = await signIn(demo.url, 'bob');
      expect((await role(bob, 'DELETE')).status).toBe(204);
      await send('POST', `${demo.url}/auth/logout`, { body: { refresh_token: bob.refreshToken } });
      await expect.poll(() => rolesOf('bob')).toEqual(['user']);
    });
  });

  /**
   * What the page sends for the experiments with keys, by the cookie of a session. It is a user of whom no role is taken: the
   * end of a session gives it back.
   */
  const owner = async (username: string) => {
    const { headers, body } = await login(demo.url, {
      username,
      password: `${username}-password`,
      transport: 'cookie',
    });
    let token = refreshCookie({ status: 200, headers, body })!;
    const session = { accessToken: body.access_token, refreshToken: token };
    const use = async (idempotency_key: string, received_with?: { generation: number; keys: string[] }) => {
      const answer = await send<AuthBody>('POST', `${demo.url}/auth/refresh`, {
        headers: cookieHeader(token),
        body: { idempotency_key, received_with },
      });
      token = refreshCookie(answer) || token;
      return answer;
    };
    const laboratory = <Body>(path: string, asked?: object) =>
      send<Body>('POST', `${demo.url}/laboratory${path}`, {
        headers: { ...bearer(session.accessToken), ...cookieHeader(token) },
        body: asked,
      });
    return { use, laboratory };
  };

  test('loses the answer to a use, and gives it again after the window', async ({ expect }) => {
    const { use, laboratory } = await owner('admin');
    const first = await use('first-use-first-use');
    const claim = { generation: first.body.generation, keys: ['first-use-first-use'] };
    expect((await laboratory('/lose-next-answer')).status).toBe(204);
    await expect(use('second-use-second-use', claim)).rejects.toThrow();
    await setTimeout(10_500);
    const again = await use('second-use-second-use', claim);
    expect(again).toMatchObject({ status: 200, body: { generation: first.body.generation + 1 } });
  });

  test('ends the session of a thief in lock-step when its owner comes again', async ({ expect }) => {
    const { use, laboratory } = await owner('admin');
    const { generation } = (await use('first-use-first-use')).body;
    await laboratory('/steal');
    const thief = await laboratory<{ status: number }>('/use-stolen', { elsewhere: false });
    expect(thief.body.status).toBe(200);
    const mine = await use('second-use-second-use', { generation, keys: ['first-use-first-use'] });
    expect(mine).toMatchObject({ status: 200, body: { generation: generation + 1 } });
    const claim = { generation: generation + 1, keys: ['second-use-second-use'] };
    expect(await use('third-use-third-use', claim)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
  });

  // At the same time as the others, which do not use alice.
  test('gives the role back by itself', async ({ expect }) => {
    const alice = await signIn(demo.url, 'alice');
    expect((await role(alice, 'DELETE')).status).toBe(204);
    await expect.poll(() => rolesOf('alice'), { interval: 500 }).toEqual(['user']);
  });
});
