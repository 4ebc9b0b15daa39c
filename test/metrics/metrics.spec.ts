import { readFile } from 'node:fs/promises';
import { AuthMetrics, AuthMetricsModule } from 'nestjs-refresh-token/metrics';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseWithClock } from '../support/database-clock.js';
import { databaseNamed } from '../support/databases.js';
import { login, refresh } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };

describe.each(adapters)('the metrics, on %s', (adapter) => {
  const registry = new Registry();
  let host: AuthApp;
  let text: string;
  beforeAll(async () => {
    host = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
      imports: [
        AuthMetricsModule.forRoot({ registry, sessionCountInterval: '0s' }),
        AuthThrottlingModule.forRoot({ loginFailures: 3 }),
      ],
    });
    const { url, clock } = host;
    await login(url, { ...ALICE, password: 'wrong' });
    const [stolen, kept] = [(await login(url, ALICE)).body, (await login(url, ALICE)).body];
    const second = (await refresh(url, stolen.refresh_token)).body;
    await refresh(url, stolen.refresh_token);
    await refresh(url, 'nrt_forged');
    for (let count = 0; count < 5; count++) await login(url, { ...ALICE, username: 'mallory' });
    clock.advance(60_000);
    await refresh(url, stolen.refresh_token);
    await refresh(url, second.refresh_token);
    await refresh(url, kept.refresh_token);
    await host.service.revokeAllOfUser('user-bob', 'a reason of the host');
    await host.service.issue({ id: 'user-bob', roles: ['user'] });
    await host.service.revokeAllOfUser('user-bob', 'a reason of the host');
    text = await registry.metrics();
  });
  afterAll(() => host.close());

  it.each([
    ['auth_sign_ins_total{outcome="failure"}', 4],
    ['auth_sign_ins_total{outcome="success"}', 3],
    ['auth_refreshes_total{outcome="refreshed"}', 2],
    ['auth_refreshes_total{outcome="repeated"}', 1],
    ['auth_refreshes_total{outcome="denied"}', 2],
    ['auth_refreshes_total{outcome="reuse"}', 1],
    ['auth_throttled_total{reason="login"}', 1],
    ['auth_refresh_repeats_total', 1],
    ['auth_reuse_detected_total', 1],
    ['auth_revocations_total{reason="reuse_detected"}', 1],
    ['auth_revocations_total{reason="other"}', 1],
    ['auth_alerts_total{type="reuse_detected"}', 1],
    ['auth_active_sessions', 1],
    ['auth_events_waiting', 0],
    ['auth_events_lost', 0],
    ['auth_request_duration_seconds_count{route="login",status="200"}', 2],
    ['auth_request_duration_seconds_count{route="refresh",status="200"}', 3],
    ['auth_request_duration_seconds_count{route="refresh",status="401"}', 2],
  ])('%s is %d', (name, value) => {
    const line = text.split('\n').find((line) => line.startsWith(`${name} `));
    expect(line).toBe(`${name} ${value}`);
  });

  it('the age of the revocation list is one of seconds', () => {
    const age = Number(/^auth_revocation_feed_age_seconds (\S+)$/m.exec(text)![1]);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(30);
  });

  it('the offset of the clock is one of seconds', () => {
    const offset = Number(/^auth_clock_offset_seconds (\S+)$/m.exec(text)![1]);
    expect(Math.abs(offset)).toBeLessThan(1);
  });

  it('name no user, session or address', () => {
    expect(text).not.toMatch(/user-|127\.0\.0\.1|[0-9a-f]{8}-[0-9a-f]{4}/);
  });
});

it('a scrape succeeds while the database is down, and the module leaves nothing in the registry', async () => {
  const registry = new Registry();
  const database = await databaseNamed('postgres').create();
  const host = await createAuthApp('fastify', database, {
    imports: [AuthMetricsModule.forRoot({ registry, prefix: 'my_', sessionCountInterval: '0s' })],
  });
  await login(host.url, ALICE);
  await host.dataSource.query('ALTER TABLE refresh_tokens RENAME TO away');
  expect(await host.module.get(AuthMetrics, { strict: false }).registry.metrics()).toContain('my_sign_ins_total');
  await host.dataSource.query('ALTER TABLE away RENAME TO refresh_tokens');
  await host.close();
  await database.drop();
  expect(await registry.metrics()).toBe('\n');
});

it('the offset of the clock is that from the database', async () => {
  const registry = new Registry();
  const database = await databaseWithClock(60_000);
  const host = await createAuthApp('fastify', database, { imports: [AuthMetricsModule.forRoot({ registry })] });
  const offset = Number(/^auth_clock_offset_seconds (\S+)$/m.exec(await registry.metrics())![1]);
  expect(Math.abs(offset + 60)).toBeLessThan(2);
  await host.close();
  await database.drop();
});

describe('the Grafana dashboard', () => {
  interface Dashboard {
    panels: { title: string; targets: { expr: string }[] }[];
  }

  it('shows metrics that there are, and all of them', async () => {
    const registry = new Registry();
    const host = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      imports: [AuthMetricsModule.forRoot({ registry })],
    });
    const metrics = await registry.getMetricsAsJSON();
    await host.close();
    const names = new Set(
      metrics.flatMap(({ name, type }) =>
        String(type) === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
      ),
    );
    const dashboard = JSON.parse(await readFile('grafana/dashboard.json', 'utf8')) as Dashboard;
    const shown = dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/\bauth_\w+/g) ?? []),
    );
    expect(shown.length).toBeGreaterThan(0);
    for (const name of shown) expect([...names], name).toContain(name);
    for (const { name } of metrics)
      expect(
        shown.some((one) => one.startsWith(name)),
        name,
      ).toBe(true);
  });
});

it('a misspelt option is refused', () => {
  expect(() => AuthMetricsModule.forRoot({ prefx: 'my_' } as object)).toThrow('there is no option "prefx"');
});
