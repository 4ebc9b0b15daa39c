import { AccessTokenService, type AuthError, type AuthUser, RevocationFeed } from 'nestjs-refresh-token';
import type { RevocationFeedStatus } from '../../src/auth/revocation/revocation-feed.js';
import { afterAll, beforeAll, describe, expect, type TestOptions } from 'vitest';
import { type AuthApp, type AuthContext, type AuthSetup, createAuthApp, createAuthContext } from './auth-app.js';
import { type DatabaseKind, databases, type TestDatabase } from './databases.js';
import { eventually } from './eventually.js';

/** The databases that several instances can share. */
export const serverDatabases = databases.filter(({ name }) => name === 'postgres' || name === 'mariadb');

/** The delay of revocations, where a test names no other. */
export const DELAY = 100;
export const MINUTE = 60_000;
/** The life of an access token, where a test names no other. */
export const ACCESS_TTL = 15 * MINUTE;

/** Instances of the library, all on one database. */
export class Instances {
  database: TestDatabase;
  private readonly running: AuthContext[] = [];

  constructor(readonly kind: DatabaseKind) {}

  async open(): Promise<void> {
    this.database = await this.kind.create();
  }

  async close(): Promise<void> {
    await Promise.all(this.running.map((instance) => instance.close()));
    await this.database?.drop();
  }

  async start(setup: AuthSetup = {}): Promise<AuthContext> {
    const context = await createAuthContext(this.database, withDelay(setup));
    this.running.push(context);
    return context;
  }

  /** One that listens. */
  async listen(setup: AuthSetup = {}): Promise<AuthApp> {
    const app = await createAuthApp('fastify', this.database, withDelay(setup));
    this.running.push(app);
    return app;
  }
}

function withDelay({ options, ...setup }: AuthSetup): AuthSetup {
  return { ...setup, options: { ...options, revocation: { delay: `${DELAY}ms`, ...options?.revocation } } };
}

/** Runs the tests once per server database. @param options of each of the blocks */
export function onServers(title: string, define: (instances: Instances) => void, options: TestOptions = {}): void {
  for (const kind of serverDatabases) {
    describe.skipIf(!kind.available)(`${title}, on ${kind.name}`, options, () => {
      const instances = new Instances(kind);
      beforeAll(() => instances.open());
      afterAll(() => instances.close());
      define(instances);
    });
  }
}

let users = 0;

/** A user that no other test has, known to these instances; the name is the id, the password `${id}-password`. */
export function newUser(instances: AuthContext[], properties: Partial<AuthUser> = {}): AuthUser {
  const id = `user-${++users}`;
  const user = { id, roles: ['user'], ...properties };
  for (const instance of instances) instance.users.users.set(id, user);
  return user;
}

/** What an instance says of an access token: `'accepted'`, or the code of its refusal. */
export function verdict({ module }: AuthContext, accessToken: string): string {
  try {
    module.get(AccessTokenService).verify(accessToken);
    return 'accepted';
  } catch (error) {
    return (error as AuthError).code;
  }
}

export function feedOf({ module }: AuthContext): RevocationFeedStatus {
  return module.get(RevocationFeed).status;
}

/** Each of these instances has begun, and ended, a reading of the table after this was called. */
export async function caughtUp(...instances: AuthContext[]): Promise<void> {
  const since = performance.now();
  for (const instance of instances) {
    await eventually(
      // A millisecond more, because the age is rounded.
      () => expect(performance.now() - feedOf(instance).age, 'the last reading').toBeGreaterThan(since + 1),
    );
  }
}

/** The reason in the row of a session; `null` while it has none. */
export async function reasonOf({ dataSource }: AuthContext, sessionId: string): Promise<string | null> {
  const [{ revoked_reason: reason }] = await dataSource.query(
    `SELECT revoked_reason FROM refresh_tokens WHERE id = '${sessionId}'`,
  );
  return reason;
}

/** For the table, so much time has passed since the floors were raised. */
export async function ageFloors({ dataSource }: AuthContext, milliseconds: number): Promise<void> {
  await dataSource.query(`UPDATE refresh_tokens SET floor_raised_at = floor_raised_at - ${milliseconds}`);
}
