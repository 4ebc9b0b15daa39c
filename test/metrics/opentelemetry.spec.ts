import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { SignInService, StepUpService } from 'nestjs-refresh-token';
import { AuthMetricsModule } from 'nestjs-refresh-token/metrics';
import { AuthOpenTelemetryModule } from 'nestjs-refresh-token/opentelemetry';
import { NewCountry, RepeatWithin } from 'nestjs-refresh-token/risk';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AuthApp, createAuthApp, createAuthContext, SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { login, refresh } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };
const CLIENT = { ip: '198.51.100.7', userAgent: 'Canary/1.0' };

describe('with an OpenTelemetry SDK', () => {
  const spans = new InMemorySpanExporter();
  const exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: exported, exportIntervalMillis: 3_600_000 });
  const registry = new Registry();
  let database: TestDatabase;
  let host: AuthApp;

  beforeAll(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    database = await databaseNamed('postgres').create();
    host = await createAuthApp('fastify', database, {
      imports: [
        AuthOpenTelemetryModule.forRoot({ sessionCountInterval: '0s' }),
        AuthMetricsModule.forRoot({ registry, sessionCountInterval: '0s' }),
      ],
      options: { risk: { rules: [new RepeatWithin(), new NewCountry()] } },
    });
  });
  afterAll(async () => {
    try {
      await host?.close();
      await reader.shutdown();
      await database?.drop();
    } finally {
      for (const api of [context, trace, metrics]) api.disable();
    }
  });
  beforeEach(() => spans.reset());

  const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name);
  const childrenOf = (parent: ReadableSpan) =>
    spans
      .getFinishedSpans()
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent.spanContext().spanId)
      .map(({ name }) => name);

  it('a sign-in is a span, with the provider, the rules and the table below it', async () => {
    const { session_id } = (await login(host.url, ALICE)).body;
    const [signIn] = named('nrt.sign_in');
    expect(signIn.attributes).toEqual({
      'nrt.outcome': 'success',
      'session.id': session_id,
      'user.id': 'user-alice',
      'nrt.client.id': 'default',
      'nrt.generation': 0,
    });
    expect(childrenOf(signIn)).toEqual(
      expect.arrayContaining(['nrt.user_provider.validateCredentials', 'nrt.rule', 'nrt.issue']),
    );
    const [issue] = named('nrt.issue');
    expect(childrenOf(issue)).toEqual(expect.arrayContaining(['nrt.store.insert', 'nrt.user_provider.loadUser']));
    expect(new Set(spans.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it('is a child of the span of the request', async () => {
    const signIn = host.module.get(SignInService);
    await trace.getTracer('host').startActiveSpan('POST /login', async (span) => {
      await signIn.signIn('alice', 'alice-password');
      span.end();
    });
    const [request] = named('POST /login');
    expect(childrenOf(request)).toEqual(['nrt.sign_in']);
  });

  it('a refusal has its code as status, and its reason', async () => {
    await login(host.url, { ...ALICE, password: 'wrong' });
    const [failed] = named('nrt.sign_in');
    expect(failed.status).toEqual({ code: 2, message: 'invalid_credentials' });
    const { refreshToken, sessionId } = await host.service.issue({ id: 'user-alice', roles: [] });
    await host.service.revoke(sessionId, 'logout');
    spans.reset();
    await refresh(host.url, refreshToken);
    const [refused] = named('nrt.refresh');
    expect(refused.status).toEqual({ code: 2, message: 'invalid_grant' });
    expect(refused.attributes).toMatchObject({ 'nrt.reason': 'revoked', 'session.id': sessionId });
    expect(refused.events.map(({ name }) => name)).toEqual(['auth.refresh_denied']);
  });

  it('a refresh on its own has the read of the table below it', async () => {
    const { refreshToken } = await host.service.issue({ id: 'user-alice', roles: [] });
    spans.reset();
    await host.service.refresh(refreshToken);
    const [span] = named('nrt.refresh');
    const [together] = named('nrt.store.findTogether');
    expect(childrenOf(span)).toEqual(expect.arrayContaining(['nrt.store.findTogether', 'nrt.store.rotate']));
    expect(childrenOf(together)).toEqual(['nrt.store.findAll']);
  });

  it('refreshes that are read together each have their own spans; the shared read is linked to all of them', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 5 }, () => host.service.issue({ id: 'user-alice', roles: [] })),
    );
    spans.reset();
    await Promise.all(sessions.map(({ refreshToken }) => host.service.refresh(refreshToken)));
    const callers = named('nrt.store.findTogether');
    const refreshes = named('nrt.refresh').map((span) => span.spanContext());
    expect(callers.map((span) => span.parentSpanContext?.spanId).sort()).toEqual(
      refreshes.map(({ spanId }) => spanId).sort(),
    );
    const [shared, ...others] = named('nrt.store.findAll');
    expect(others).toEqual([]);
    expect(shared.parentSpanContext).toBeUndefined();
    expect(shared.links.map((link) => link.context.spanId).sort()).toEqual(
      callers.map((span) => span.spanContext().spanId).sort(),
    );
    expect(new Set(refreshes.map(({ traceId }) => traceId)).size).toBe(5);
    for (const { sessionId } of sessions)
      expect(named('nrt.refresh').filter((span) => span.attributes['session.id'] === sessionId)).toHaveLength(1);
  });

  it('what runs in the background opens no span', async () => {
    await host.service.purge();
    await host.service.countLive();
    expect(spans.getFinishedSpans()).toEqual([]);
  });

  it('no token, password, address, user agent or name is in any span', async () => {
    const secrets = [SECRET, 'alice-password', 'wrong-canary', ...Object.values(CLIENT), '"alice"'];
    const signIn = host.module.get(SignInService);
    const issued = await signIn.signIn('alice', 'alice-password', {}, CLIENT);
    await signIn.signIn('alice', 'wrong-canary', {}, CLIENT).catch(() => undefined);
    const next = await host.service.refresh(issued.refreshToken, CLIENT);
    await host.module
      .get(StepUpService)
      .stepUp(next.refreshToken, 'wrong-canary', CLIENT)
      .catch(() => undefined);
    await host.service.refresh('nrt_forged', CLIENT).catch(() => undefined);
    host.clock.advance(60_000);
    await host.service.refresh(next.refreshToken, CLIENT);
    await host.service.refresh(issued.refreshToken, CLIENT).catch(() => undefined);
    await host.dataSource.query('ALTER TABLE refresh_tokens RENAME TO away');
    await host.service.refresh(next.refreshToken, CLIENT).catch(() => undefined);
    await host.dataSource.query('ALTER TABLE away RENAME TO refresh_tokens');
    for (const { accessToken, refreshToken } of [issued, next])
      secrets.push(accessToken, accessToken.split('.')[2], refreshToken, refreshToken.slice(40, 80));
    const told = spans
      .getFinishedSpans()
      .map(({ name, attributes, status, events, links }) => ({ name, attributes, status, events, links }));
    expect(told.length).toBeGreaterThan(20);
    expect(told.map(({ status }) => status.message)).toContain('temporarily_unavailable');
    for (const secret of secrets) expect(JSON.stringify(told).includes(secret), secret).toBe(false);
  });

  it('the metrics are those of Prometheus', async () => {
    await refresh(host.url, 'nrt_forged');
    await reader.forceFlush();
    const given = exported
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap(({ metrics: all }) => all);
    const asPrometheus = ({ descriptor: { name, unit } }: (typeof given)[number], isCounter: boolean) =>
      `${name.replaceAll('.', '_')}${unit === 's' ? '_seconds' : ''}${isCounter ? '_total' : ''}`;
    const values = new Map(
      given.map((metric) => [asPrometheus(metric, 'isMonotonic' in metric && metric.isMonotonic), metric]),
    );
    const prometheus = await registry.getMetricsAsJSON();
    for (const name of values.keys()) expect(prometheus.map((one) => one.name)).toContain(name);
    for (const { name, type } of prometheus) if (String(type) === 'counter') expect([...values.keys()]).toContain(name);
    const alerts = values.get('auth_alerts_total')!.dataPoints;
    expect(alerts.find(({ attributes }) => attributes.type === 'mass_reuse')).toHaveProperty('value', 0);
    for (const counter of ['auth_sign_ins_total', 'auth_refreshes_total']) {
      const ours = values.get(counter)!.dataPoints.map(({ attributes, value }) => [attributes.outcome, value]);
      const theirs = prometheus.find(({ name }) => name === counter)!.values;
      expect(Object.fromEntries(ours)).toEqual(
        Object.fromEntries(theirs.map(({ labels, value }) => [labels.outcome, value])),
      );
    }
    expect(values.get('auth_active_sessions')!.dataPoints[0].value).toBeGreaterThan(0);
    expect(values.has('auth_request_duration_seconds')).toBe(true);
  });
});

it('without an SDK the module does nothing, and without the module there are no spans', async () => {
  const host = await createAuthContext(await databaseNamed('sqljs').create(), {
    imports: [AuthOpenTelemetryModule.forRoot()],
  });
  const { refreshToken } = await host.service.issue({ id: 'user-alice', roles: [] });
  await host.service.refresh(refreshToken);
  await host.close();
});

it('a misspelt option is refused', () => {
  expect(() => AuthOpenTelemetryModule.forRoot({ tracing: false } as object)).toThrow('there is no option "tracing"');
});
