import { Clock, type IssuedTokens } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, type TestOptions } from 'vitest';
import { type AuthContext, createAuthContext, SECRET } from './auth-app.js';
import { type DatabaseKind, databases, type TestDatabase } from './databases.js';
import { type DemoProcess, startDemo } from './demo-process.js';
import { type Answer, type AuthBody, bearer, login, refresh, send } from './http.js';

const ADAPTERS = ['fastify', 'express'];
export const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
export const ADMIN = { username: 'admin', password: 'admin-password', transport: 'body' } as const;

/** The answer to every invalid refresh token. */
export const INVALID_GRANT = { status: 401, body: { error: 'invalid_grant' } };

/** The databases that several processes can share. */
export const serverDatabases = databases.filter(({ name }) => name === 'postgres' || name === 'mariadb');

/** Two processes of the demo that form one service: one database, one secret; the first on Fastify, the other on Express. */
export class TwoServers {
  private database: TestDatabase;
  private processes: DemoProcess[] = [];
  private issuer: AuthContext;
  private aliceId: string;

  constructor(
    private readonly kind: DatabaseKind,
    private readonly env: Record<string, string>,
  ) {}

  async start(): Promise<void> {
    this.database = await this.kind.create();
    this.processes = await Promise.all(ADAPTERS.map((adapter) => this.launch(adapter)));
    // A third instance, in this process, begins sessions without the price of a password each.
    this.issuer = await createAuthContext(this.database, { clock: new Clock(), dataSource: { poolSize: 2 } });
    this.issuer.users.loadUser = async (id) => ({ id, roles: ['user'] });
    const { body } = await login(this.url(0), ALICE);
    const me = await send<{ id: string }>('GET', `${this.url(0)}/auth/me`, { headers: bearer(body.access_token) });
    this.aliceId = me.body.id;
  }

  async stop(): Promise<void> {
    await this.issuer?.close();
    await Promise.all(this.processes.map((server) => server.stop()));
    await this.database?.drop();
  }

  /** Any turn will do: the servers alternate. */
  url(turn: number): string {
    return this.processes[turn % 2].url;
  }

  /** `kill -9`: no goodbye to its clients, nor to the database. */
  async kill(turn: number): Promise<void> {
    this.processes[turn % 2].kill('SIGKILL');
    await this.processes[turn % 2].exited;
  }

  async restart(turn: number): Promise<void> {
    this.processes[turn % 2] = await this.launch(ADAPTERS[turn % 2]);
  }

  /** New sessions of alice. */
  issue(count: number): Promise<IssuedTokens[]> {
    const alice = { id: this.aliceId, roles: ['user'] };
    return Promise.all(Array.from({ length: count }, () => this.issuer.service.issue(alice, { transport: 'body' })));
  }

  /** Presents one token so often at once, at both servers. */
  refreshAtOnce(token: string, count: number): Promise<Answer<AuthBody>[]> {
    return Promise.all(Array.from({ length: count }, (_, turn) => refresh(this.url(turn), token)));
  }

  private launch(adapter: string): Promise<DemoProcess> {
    return startDemo({ ...this.env, HTTP_ADAPTER: adapter, DATABASE_URL: this.database.url!, AUTH_SECRET: SECRET });
  }
}

/** Runs the tests once per server database, each time on two servers of their own. @param options of each of the blocks */
export function onTwoServers(
  env: Record<string, string>,
  define: (service: TwoServers) => void,
  options: TestOptions = {},
): void {
  for (const kind of serverDatabases) {
    describe.skipIf(!kind.available)(`two servers on ${kind.name}`, options, () => {
      const service = new TwoServers(kind, env);
      beforeAll(() => service.start());
      afterAll(() => service.stop());
      define(service);
    });
  }
}
