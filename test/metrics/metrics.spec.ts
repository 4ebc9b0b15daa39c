import { readFile } from 'node:fs/promises';
import { Controller, Get, Header } from '@nestjs/common';
import { AuthEventBus, Public } from 'nestjs-refresh-token';
import { AuthMetrics, AuthMetricsModule } from 'nestjs-refresh-token/metrics';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { Registry } from 'prom-client';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseWithClock } from '../support/database-clock.js';
import { databaseNamed } from '../support/databases.js';
import { login, refresh } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };

/** As in the guide. */
@Controller('metrics')
class MetricsController {
  constructor(private readonly metrics: AuthMetrics) {}

  @Public()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @Get()
  serve(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}

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

describe('before the first event, a counter is 0 for each value of its label', () => {
  const registry = new Registry();
  let start: { name: string; values: { value: number; labels: object }[] }[];
  beforeAll(async () => {
    const host = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      imports: [AuthMetricsModule.forRoot({ registry })],
    });
    start = await registry.getMetricsAsJSON();
    await host.close();
  });

  /** The values of the label, for those that are 0. */
  const zeros = (name: string) =>
    start
      .find((metric) => metric.name === name)!
      .values.flatMap(({ value, labels }) => (value === 0 ? Object.values(labels).map(String) : []));

  it.each([
    ['auth_sign_ins_total', ['success', 'failure']],
    ['auth_refreshes_total', ['refreshed', 'repeated', 'denied', 'step_up', 'reuse']],
    ['auth_throttled_total', ['login', 'login_of_address', 'login_of_name', 'mfa', 'refresh', 'step_up']],
  ])('%s', (name, values) => {
    expect(zeros(name).toSorted()).toEqual(values.toSorted());
  });

  it('auth_revocations_total, with the reasons that its documentation names', async () => {
    const [, section] = /### auth_revocations_total\n([^]*?)\n###/.exec(
      await readFile('docs/guides/metrics.md', 'utf8'),
    )!;
    const named = [...section.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name);
    expect(zeros('auth_revocations_total').toSorted()).toEqual(
      [...new Set(named)].filter((name) => name !== 'reason').toSorted(),
    );
  });

  it('auth_alerts_total, with the events that may be alerts', async () => {
    const sections = (await readFile('docs/reference/events.md', 'utf8')).split('\n### ');
    const alerts = sections.filter((section) => /^- Alert: (?!never)/m.test(section));
    expect(zeros('auth_alerts_total').toSorted()).toEqual(
      alerts.map((section) => /^`(\w+)`/.exec(section)![1]).toSorted(),
    );
  });
});

describe('the alert rules for Prometheus', () => {
  interface Rules {
    groups: { name: string; rules: { alert: string; expr: string; labels?: object; annotations?: object }[] }[];
  }

  /** What a label may be asked for. The values are those that the pages of the documentation name. */
  const LABELS: Record<string, readonly string[]> = {
    outcome: ['success', 'failure', 'refreshed', 'repeated', 'denied', 'step_up', 'reuse'],
    reason: ['login', 'login_of_address', 'login_of_name', 'refresh', 'step_up'],
    route: ['login', 'refresh', 'step-up'],
    status: ['5..'],
    type: ['row_rolled_back', 'mass_reuse', 'refresh_denied'],
  };

  // Prometheus sees no increase if a counter begins to exist with its first event.
  it('see the first event: each counter that they ask for is 0 before', async () => {
    const registry = new Registry();
    const host = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      imports: [AuthMetricsModule.forRoot({ registry })],
      controllers: [MetricsController],
    });
    onTestFinished(() => host.close());
    const scrape = async () => (await (await fetch(`${host.url}/metrics`)).text()).split('\n');
    const before = await scrape();
    const { groups } = parse(await readFile('grafana/alerts.yml', 'utf8')) as Rules;
    const exprs = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)).join('\n');
    const asked = [...exprs.matchAll(/\b(auth_\w+_total)\b(?:\{(\w+)=~?"([^"]*)"\})?/g)].flatMap(
      ([, name, label, values]) =>
        label === undefined ? [] : values.split('|').map((value) => `${name}{${label}="${value}"} `),
    );
    expect(asked).toContain('auth_alerts_total{type="row_rolled_back"} ');
    for (const series of [...asked, 'auth_reuse_detected_total ', 'auth_refreshes_total{outcome="refreshed"} '])
      expect(before).toContain(`${series}0`);

    host.module.get(AuthEventBus).publish({ type: 'row_rolled_back', alert: true, count: 1 });
    const [series] = asked.filter((one) => one.includes('row_rolled_back'));
    expect(await scrape()).toContain(`${series}1`);
  });

  it('ask for metrics and labels that there are', async () => {
    const registry = new Registry();
    const host = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      imports: [AuthMetricsModule.forRoot({ registry })],
    });
    const text = await registry.metrics();
    const labels = new Map(
      registry.getMetricsAsArray().map((metric) => [metric.name, (metric as unknown as Labelled).labelNames]),
    );
    await host.close();
    const { groups } = parse(await readFile('grafana/alerts.yml', 'utf8')) as Rules;
    const rules = groups.flatMap((group) => group.rules);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, expr, labels: own, annotations } of rules) {
      expect(own, alert).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) });
      expect(annotations, alert).toHaveProperty('summary');
      const asked = [...expr.matchAll(/\b(auth_\w+?)(?:_bucket|_count)?\b(?:\{([^}]*)\})?(?=[[\s)])/g)];
      expect(asked.length, alert).toBeGreaterThan(0);
      for (const [, name, selector = ''] of asked) {
        expect(text, alert).toContain(`# TYPE ${name} `);
        for (const [, label, values] of selector.matchAll(/(\w+)=~?"([^"]*)"/g)) {
          expect(labels.get(name), `${alert}: ${label}`).toContain(label);
          for (const value of values.split('|')) expect(LABELS[label], alert).toContain(value);
        }
      }
    }
  });
});

interface Labelled {
  labelNames: string[];
}

it('a misspelt option is refused', () => {
  expect(() => AuthMetricsModule.forRoot({ prefx: 'my_' } as object)).toThrow('there is no option "prefx"');
});
