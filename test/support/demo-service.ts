import { AccessTokenService, Clock } from 'nestjs-refresh-token';
import { redisRevocationChannel } from 'nestjs-refresh-token/redis';
import { expect, inject } from 'vitest';
import { type AuthContext, createAuthContext, SECRET } from './auth-app.js';
import { type DatabaseName, databaseNamed, type TestDatabase } from './databases.js';
import { type DemoProcess, startDemo } from './demo-process.js';
import { bearer, login, send } from './http.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';
import { eventually } from './eventually.js';

export interface ServiceSetup {
  title: string;
  database: DatabaseName;
  /** Revocations go by Redis, too. */
  redis: boolean;
  /** `REVOCATION_DELAY`. */
  delay: string;
}

export function available({ database, redis }: ServiceSetup): boolean {
  return databaseNamed(database).available && (!redis || inject('redisUrl') !== undefined);
}

/** Milliseconds in which a revocation has to arrive: a delay of a second, and what a busy machine adds to it. */
const ARRIVAL = 10_000;

/** Processes of the demo that form one service, and an instance in this process that begins and ends sessions. */
export class Service {
  database: TestDatabase;
  issuer: AuthContext;
  /** Between the processes and Redis. */
  redis: TcpProxy | undefined;
  /** Those that were there from the start. */
  readonly demos: DemoProcess[] = [];
  private readonly launched: DemoProcess[] = [];

  constructor(private readonly setup: ServiceSetup) {}

  async start(count: number): Promise<void> {
    this.database = await databaseNamed(this.setup.database).create();
    if (this.setup.redis) this.redis = await startTcpProxy(inject('redisUrl')!);
    // Two at a time would migrate the database one after the other anyway.
    for (let started = 0; started < count; started++) this.demos.push(await this.launch());
    const channel = this.redis && redisRevocationChannel({ url: inject('redisUrl')! });
    this.issuer = await createAuthContext(this.database, {
      clock: new Clock(),
      dataSource: { poolSize: 4 },
      options: { revocation: { channel, delay: this.setup.delay } },
    });
  }

  async stop(): Promise<void> {
    await this.issuer?.close();
    await Promise.all(this.launched.map((demo) => demo.stop()));
    await this.redis?.close();
    await this.database?.drop();
  }

  /** One more. */
  async launch(env: Record<string, string> = {}): Promise<DemoProcess> {
    const demo = await startDemo({
      DATABASE_URL: this.database.url!,
      AUTH_SECRET: SECRET,
      REVOCATION_DELAY: this.setup.delay,
      ...(this.redis && { REDIS_URL: this.redis.url }),
      ...env,
    });
    this.launched.push(demo);
    return demo;
  }
}

export interface SignedIn {
  accessToken: string;
  refreshToken: string;
  sessionId: string;
}

/** `name` is the demo's: alice, bob or admin. */
export async function signIn({ url }: DemoProcess, name: string, password = `${name}-password`): Promise<SignedIn> {
  const { status, body } = await login(url, { username: name, password, transport: 'body' });
  expect(status, JSON.stringify(body)).toBe(200);
  return { accessToken: body.access_token, refreshToken: body.refresh_token, sessionId: body.session_id };
}

/** What a process says of an access token: `'accepted'`, or the code of its refusal. */
export async function verdictOf({ url }: DemoProcess, accessToken: string): Promise<string> {
  const { status, body } = await send<{ error?: string }>('GET', `${url}/profile`, { headers: bearer(accessToken) });
  return status === 200 ? 'accepted' : (body.error ?? String(status));
}

/** All of these processes come to say so of the token, in time. */
export async function expectSoon(demos: readonly DemoProcess[], accessToken: string, expected: string): Promise<void> {
  for (const demo of demos) {
    await eventually(async () => expect(await verdictOf(demo, accessToken)).toBe(expected), {
      limit: ARRIVAL,
      interval: 50,
    });
  }
}

export interface FeedHealth {
  age_ms: number;
  stale: boolean;
  floors: number;
  channel?: 'connected' | 'disconnected';
  clock_offset_ms: number;
}

export async function feedHealth({ url }: DemoProcess): Promise<FeedHealth> {
  const { body } = await send<{ revocation_feed: FeedHealth }>('GET', `${url}/health`);
  return body.revocation_feed;
}

/** Each of these processes has begun, and ended, a reading of the table after this was called. */
export async function haveCaughtUp(...demos: DemoProcess[]): Promise<void> {
  const since = performance.now();
  for (const demo of demos) {
    await eventually(async () => {
      const askedAt = performance.now();
      const { age_ms: age } = await feedHealth(demo);
      // The age is that of a moment after we have asked.
      expect(askedAt - age, 'the last reading').toBeGreaterThan(since + 1);
    });
  }
}

/** The roles that an access token names, verified by this instance. */
export function rolesIn({ module }: AuthContext, accessToken: string): readonly string[] {
  return module.get(AccessTokenService).identify(accessToken).roles;
}
