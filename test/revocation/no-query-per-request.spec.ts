import type { Logger } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { AuthApp } from '../support/auth-app.js';
import type { DemoProcess } from '../support/demo-process.js';
import { bearer, refresh, send } from '../support/http.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { newUser, onServers } from '../support/instances.js';
import { available, Service, type ServiceSetup, type SignedIn, signIn, verdictOf } from '../support/demo-service.js';
import { eventually } from '../support/eventually.js';

/** So long that no reading of the list falls into the test. */
const SELDOM = '10m';
const REQUESTS = 200;

onServers('the query log of an instance', (instances) => {
  const statements: string[] = [];
  const ignore = () => undefined;
  const logger: Logger = {
    logQuery: (sql) => void statements.push(String(sql)),
    logQueryError: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };
  let app: AuthApp;
  beforeAll(async () => {
    app = await instances.listen({ dataSource: { logger }, options: { revocation: { delay: SELDOM } } });
  });

  it(`has nothing to show for ${REQUESTS} guarded requests`, async () => {
    const user = newUser([app]);
    const stale = await app.service.issue(user);
    await app.service.permissionsChanged(user.id);
    const good = await app.service.issue(user);
    const ended = await app.service.issue(user);
    await app.service.revoke(ended.sessionId, 'logout');
    const ask = async ({ accessToken }: { accessToken: string }) =>
      (await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) })).status;

    statements.length = 0;
    for (let asked = 0; asked < REQUESTS; asked += 4) {
      expect(await Promise.all([ask(good), ask(stale), ask(ended), ask({ accessToken: 'nonsense' })])).toEqual([
        200, 401, 401, 401,
      ]);
    }
    expect(statements).toEqual([]);

    await app.service.refresh(good.refreshToken);
    expect(statements).not.toEqual([]); // so the log does work
  });
});

const setups: ServiceSetup[] = [
  { title: 'PostgreSQL', database: 'postgres', redis: true, delay: SELDOM },
  { title: 'MariaDB', database: 'mariadb', redis: true, delay: SELDOM },
];

for (const setup of setups) {
  describe.skipIf(!available(setup))(`a process between ${setup.title} and Redis`, () => {
    const service = new Service(setup);
    let database: TcpProxy;
    let redis: TcpProxy;
    let demo: DemoProcess;
    beforeAll(async () => {
      await service.start(0);
      redis = await startTcpProxy(inject('redisUrl')!);
      // The issuer has made the tables of the sessions; the demo makes the others.
      database = await startTcpProxy(service.database.url!);
      // The audit trail is written in the background. Its statements would be recorded here too.
      demo = await service.launch({ DATABASE_URL: database.url, REDIS_URL: redis.url, AUDIT: 'off' });
      await eventually(() => expect(demo.output()).toContain('The revocation channel is connected'));
    });
    afterAll(async () => {
      await service.stop();
      await Promise.all([database?.close(), redis?.close()]);
    });

    it(`sends neither of them anything in ${REQUESTS} guarded requests`, async () => {
      const tokens = await Promise.all(['alice', 'bob', 'admin'].map((name) => signIn(demo, name)));
      const [, ended, admin] = tokens as [SignedIn, SignedIn, SignedIn];
      await send('POST', `${demo.url}/auth/logout`, { headers: bearer(ended.accessToken) });
      expect(spoken(database, isGoodbye)).not.toHaveLength(0); // so the proxy does hear what is said
      const heard: string[] = [];
      await eventually(() => {
        heard.push(...spoken(redis, isPing));
        expect(heard.join('')).toContain(ended.sessionId);
      });

      for (let asked = 0; asked < REQUESTS; asked += 3) {
        const verdicts = await Promise.all(tokens.map(({ accessToken }) => verdictOf(demo, accessToken)));
        expect(verdicts).toEqual(['accepted', 'token_revoked', 'accepted']);
      }
      expect(spoken(database, isGoodbye)).toEqual([]);
      expect(spoken(redis, isPing)).toEqual([]);

      expect(await refresh(demo.url, admin.refreshToken)).toMatchObject({ status: 200 });
      expect(spoken(database, isGoodbye)).not.toHaveLength(0);
    });
  });
}

/** What was sent, but for what says nothing. */
function spoken(proxy: TcpProxy, isIdle: (chunk: Buffer) => boolean): string[] {
  return proxy
    .takeSent()
    .filter((chunk) => !isIdle(chunk))
    .map((chunk) => chunk.toString('latin1'));
}

/** The pool lets go of a connection: Terminate of PostgreSQL, COM_QUIT of MariaDB. */
function isGoodbye(chunk: Buffer): boolean {
  return chunk.equals(Buffer.from([0x58, 0, 0, 0, 4])) || chunk.equals(Buffer.from([1, 0, 0, 0, 1]));
}

/** Signs of life, once a second: a ping, and a message of the channel to itself. */
function isPing(chunk: Buffer): boolean {
  return /^((\*1\r\n\$4\r\nPING\r\n)|(\*3\r\n\$7\r\nPUBLISH\r\n.*\r\n.*\r\n.*\r\n\{"echo":"[\w-]+"\}\r\n))+$/.test(
    chunk.toString('latin1'),
  );
}
