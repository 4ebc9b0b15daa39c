import { type BeforeApplicationShutdown, Controller, Get, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Public } from 'nestjs-refresh-token';
import { AuthHealthIndicator, AuthHealthModule } from 'nestjs-refresh-token/health';
import { afterEach, describe, expect, test } from 'vitest';
import { adapters, type AuthApp, type AuthSetup, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { send } from '../support/http.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

@Controller('health')
@Public()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly auth: AuthHealthIndicator,
  ) {}

  @HealthCheck()
  @Get('ready')
  ready() {
    return this.health.check([() => this.auth.isReady()]);
  }
}

/** Asks while the application stops, and the server still listens. */
@Injectable()
class LastProbe implements BeforeApplicationShutdown {
  answer: Awaited<ReturnType<typeof readiness>> | undefined;

  constructor(private readonly host: HttpAdapterHost) {}

  async beforeApplicationShutdown(): Promise<void> {
    const { port } = this.host.httpAdapter.getHttpServer().address() as { port: number };
    this.answer = await readiness(`http://127.0.0.1:${port}`);
  }
}

async function readiness(url: string) {
  const { status, body } = await send<{ details: { auth: object } }>('GET', `${url}/health/ready`);
  return { status, auth: body.details.auth };
}

const READY = { status: 200, auth: { status: 'up' } };
const notReady = (message: string) => ({ status: 503, auth: { status: 'down', message } });

describe.each(adapters)('the indicator of Terminus, on %s', (adapter) => {
  let host: AuthApp | undefined;
  let proxy: TcpProxy | undefined;
  let database: TestDatabase;
  afterEach(async () => {
    proxy?.restore();
    await host?.close();
    await proxy?.close();
    await database.drop();
    [host, proxy] = [undefined, undefined];
  });

  async function start(onStale: 'serve' | 'refuse'): Promise<AuthApp> {
    database = await databaseNamed('postgres').create();
    proxy = await startTcpProxy(database.url!);
    host = await createAuthApp(adapter, database, {
      imports: [TerminusModule.forRoot({ logger: false }), AuthHealthModule],
      controllers: [HealthController],
      providers: [LastProbe],
      dataSource: { url: proxy.url } as AuthSetup['dataSource'],
      options: { databaseTimeout: '2s', revocation: { delay: '100ms', onStale } },
    });
    return host;
  }

  test('is down while the database does not answer, and up again after', async () => {
    const { url } = await start('serve');
    expect(await readiness(url)).toEqual(READY);
    proxy!.cut();
    expect(await readiness(url)).toEqual(notReady('The database does not answer.'));
    proxy!.restore();
    await expect.poll(() => readiness(url)).toEqual(READY);
  });

  test('is down for a stale list if guarded routes refuse then', async () => {
    const { url, dataSource } = await start('refuse');
    await expect.poll(() => readiness(url)).toEqual(READY);
    await dataSource.query('ALTER TABLE refresh_tokens RENAME TO away');
    await expect.poll(() => readiness(url)).toEqual(notReady('The list of revoked sessions is out of date.'));
    await dataSource.query('ALTER TABLE away RENAME TO refresh_tokens');
    await expect.poll(() => readiness(url)).toEqual(READY);
  });

  test('is down while the application stops', async () => {
    const { module, url } = await start('serve');
    expect(await readiness(url)).toEqual(READY);
    const probe = module.get(LastProbe);
    await host!.close();
    host = undefined;
    expect(probe.answer).toEqual(notReady('The application is stopping.'));
  });
});
