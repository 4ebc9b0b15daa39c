import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuthUser } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { adapters, createAuthContext, HostUsers } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { refresh } from '../support/http.js';
import { claimsOf, listening, signIn } from '../support/listening.js';
import { expectRefusal } from '../support/refused.js';

const AT_ONCE = 8;

/** A provider that loads many users at once, and cannot load one of them. */
class FragileUsers extends HostUsers {
  fails: (() => Promise<AuthUser[]>) | undefined;

  loadUsers = async (ids: readonly string[]): Promise<AuthUser[]> => {
    if (this.fails && ids.includes('user-bob')) return this.fails();
    return [...this.users.values()].filter(({ id }) => ids.includes(id));
  };
}

const faults: [string, () => Promise<AuthUser[]>][] = [
  ['throws', () => Promise.reject(new Error('The row of this user cannot be read.'))],
  ['hangs', () => new Promise<never>(() => undefined)],
  ['returns nothing', async () => undefined as never],
  ['returns a user without an id', async () => [{ roles: [] } as never]],
  ['returns another user', async () => [{ id: 'user-mallory', roles: ['admin'] }]],
  ['returns nobody', async () => [null as never]],
];

describe.each(adapters)('one bad account (%s)', (adapter) => {
  const users = new FragileUsers();
  const app = listening(adapter, { users, quiet: true, options: { userProviderTimeout: '2s' } });

  // A user whose own data cannot be loaded refreshes all the time, to sit in the batches of all others.
  test.each(faults)('for which loadUsers %s: all others refresh', async (_, fails) => {
    const bob = await signIn(app, { username: 'bob' });
    const others = await Promise.all(Array.from({ length: AT_ONCE }, () => signIn(app)));
    users.fails = fails;
    const [bad, ...good] = await Promise.all(
      [bob, ...others].map(({ refreshToken }) => refresh(app.url, refreshToken)),
    );
    users.fails = undefined;
    expect(good.map(({ status }) => status)).toEqual(others.map(() => 200));
    expect(bad.status).toBeGreaterThanOrEqual(500);
    expect((await refresh(app.url, bob.refreshToken)).status).toBe(200);
  });

  // SQLite stores any value in any column, and a faulty migration of the host has written one that no date is.
  test('with a session that cannot be read: all others refresh', async () => {
    const bob = await signIn(app, { username: 'bob' });
    const others = await Promise.all(Array.from({ length: AT_ONCE }, () => signIn(app)));
    const { tableName } = app.dataSource.getMetadata(RefreshToken);
    await app.dataSource.query(`UPDATE ${tableName} SET last_used_at = 'yesterday' WHERE user_id = 'user-bob'`);
    const [bad, ...good] = await Promise.all(
      [bob, ...others].map(({ refreshToken }) => refresh(app.url, refreshToken)),
    );
    expect(good.map(({ status }) => status)).toEqual(others.map(() => 200));
    expectRefusal(bad, { status: 503, error: 'temporarily_unavailable' });
  });
});

// A provider that is slow for all needs no second try: the first answer counts.
test('a slow provider answers many together as well as one', async () => {
  const users = new FragileUsers();
  const slow = users.loadUsers;
  const calls: number[] = [];
  users.loadUsers = async (ids) => {
    calls.push(ids.length);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    return slow(ids);
  };
  const options = { userProviderTimeout: '2s' };
  const context = await createAuthContext(await databaseNamed('sqljs').create(), { users, options });
  onTestFinished(() => context.close());
  const sessions = await Promise.all(['alice', 'bob'].map((name) => context.service.issue(users.users.get(name)!)));
  await Promise.all(sessions.map(({ refreshToken }) => context.service.refresh(refreshToken)));
  expect(calls).toContain(2);
});

interface Tenant {
  readonly name: string;
}

const tenants = new AsyncLocalStorage<Tenant>();

/** A provider of many tenants. It asks the tenant of the request, and knows no user of another one. */
class TenantUsers extends HostUsers {
  loadUsers = async (ids: readonly string[]): Promise<AuthUser[]> => {
    const tenant = tenants.getStore()?.name;
    return ids.filter((id) => id === `user-${tenant}`).map((id) => ({ id, roles: [`of-${tenant}`] }));
  };
}

const ways: [string, (tenant: Tenant, work: () => void) => void][] = [
  ['run', (tenant, work) => tenants.run(tenant, work)],
  [
    'enterWith',
    (tenant, work) => {
      tenants.enterWith(tenant);
      work();
    },
  ],
];

describe.each(adapters)(
  'a provider that reads the tenant from the AsyncLocalStorage of the request (%s)',
  (adapter) => {
    describe.each(ways)('set by %s', (_, enter) => {
      const users = new TenantUsers();
      const app = listening(adapter, {
        users,
        quiet: true,
        configure: (host) =>
          void host.use((request: { headers: Record<string, string> }, _: unknown, next: () => void) =>
            enter({ name: request.headers['x-tenant'] }, next),
          ),
      });

      // Requests of two tenants arrive at the same moment. One asked in the name of the other logs a user out.
      test('is asked in the name of each request, and nobody is logged out', async () => {
        const names = Array.from({ length: AT_ONCE }, (_, index) => (index % 2 === 0 ? 'alice' : 'bob'));
        const sessions = await Promise.all(
          names.map((username) => signIn(app, { username }, { 'x-tenant': username })),
        );
        const answers = await Promise.all(
          sessions.map(({ refreshToken }, index) => refresh(app.url, refreshToken, { 'x-tenant': names[index] })),
        );
        expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
        expect(answers.map(({ body }) => claimsOf(body.access_token).roles)).toEqual(
          names.map((name) => [`of-${name}`]),
        );
      });
    });
  },
);
