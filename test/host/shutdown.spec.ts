import { describe, expect, test } from 'vitest';
import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { refresh } from '../support/http.js';
import { signIn } from '../support/listening.js';
import { StatementProxy } from '../support/statement-proxy.js';
import { AccessTokenService, Clock, RefreshTokenService } from 'nestjs-refresh-token';

/** A host that still uses the services in its own hooks. */
@Injectable()
class LateUser implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly seen: string[] = [];
  accessToken: string;

  constructor(
    private readonly sessions: RefreshTokenService,
    private readonly accessTokens: AccessTokenService,
  ) {}

  async onModuleDestroy(): Promise<void> {
    await this.use('destroy');
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.use('before');
  }

  async onApplicationShutdown(): Promise<void> {
    await this.use('shutdown');
  }

  private async use(when: string): Promise<void> {
    this.accessTokens.verify(this.accessToken);
    const listed = await this.sessions.list('user-alice');
    this.seen.push(`${when}: ${listed.length}`);
  }
}

/** Milliseconds: long before a statement is given up by itself. */
const BOUND = 15_000;

/** Nest ends global modules in an order that depends on that of their imports. */
const orders = [
  { title: 'AuthModule after TypeOrmModule', importedFirst: false },
  { title: 'AuthModule before TypeOrmModule', importedFirst: true },
];
/** Of a pool whose connections are all being made, a close fails at once. */
const faults = orders.flatMap((order) => [
  { ...order, recovers: false },
  { ...order, recovers: true, title: `${order.title}, new connections work` },
]);

for (const [name, connectTimeout] of [
  ['postgres', 'connectTimeoutMS'],
  ['mariadb', 'connectTimeout'],
] as const) {
  describe.skipIf(!databaseNamed(name).available)(`the stop while the database is silent (${name})`, () => {
    for (const { title, importedFirst, recovers } of faults) {
      test.concurrent(`is bounded, ${title}`, async ({ onTestFinished }) => {
        const database = await databaseNamed(name).create();
        onTestFinished(() => database.drop());
        const proxy = await StatementProxy.before(database.url!);
        onTestFinished(() => proxy.close());
        const app = await createAuthApp('express', database, {
          dataSource: { url: proxy.urlOf(database.url!), [connectTimeout]: 1_000 } as object,
          importedFirst,
          clock: new Clock(),
          options: {
            databaseTimeout: '60s',
            shutdown: { drainTimeout: '500ms' },
            revocation: { delay: '1s' },
            audit: { store: true, stopTimeout: '1s', flushInterval: '10ms' },
          },
        });
        app.app.useLogger(false);
        await signIn(app);
        proxy.hang();
        if (recovers) proxy.recover();
        // Each of these hangs with a statement of its own.
        void app.service.purge().catch(() => undefined);
        void signIn(app).catch(() => undefined);
        void refresh(app.url, 'junk').catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        const startedAt = performance.now();
        await app.close();
        const took = performance.now() - startedAt;
        expect(took).toBeLessThan(BOUND);
      });
    }
  });
}

describe.each(['postgres', 'mariadb', 'sqljs'] as const)('a stop (%s)', (name) => {
  test.skipIf(!databaseNamed(name).available)(
    'serves the hooks of the host until the last',
    async ({ onTestFinished }) => {
      const database = await databaseNamed(name).create();
      onTestFinished(() => database.drop());
      const app = await createAuthApp('fastify', database, {
        providers: [LateUser],
        options: { audit: { store: true } },
      });
      const user = app.module.get(LateUser);
      user.accessToken = (await signIn(app)).accessToken;
      await app.close();
      expect(user.seen).toEqual(['destroy: 1', 'before: 1', 'shutdown: 1']);
    },
  );

  test.skipIf(!databaseNamed(name).available)('may be asked for twice', async ({ onTestFinished }) => {
    const database = await databaseNamed(name).create();
    onTestFinished(() => database.drop());
    const app = await createAuthContext(database, { options: { audit: { store: true } } });
    await Promise.all([app.close(), app.close().catch(() => undefined)]);
  });
});
