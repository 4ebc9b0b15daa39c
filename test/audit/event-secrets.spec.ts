import { Logger } from '@nestjs/common';
import { AuthEventLog } from 'nestjs-refresh-token';
import { NewCountry, RepeatWithin } from 'nestjs-refresh-token/risk';
import { AuthMetrics, AuthMetricsModule } from 'nestjs-refresh-token/metrics';
import { Registry } from 'prom-client';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { createAuthApp, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type AuthBody, login, refresh, send } from '../support/http.js';

afterEach(() => vi.restoreAllMocks());

it('no secret of a whole run is in any log, event, metric or table', async () => {
  let written = '';
  for (const level of ['log', 'warn', 'error', 'debug', 'verbose'] as const) {
    vi.spyOn(Logger.prototype, level).mockImplementation((...line: unknown[]) => {
      written += line.join(' ');
    });
  }
  const database = await databaseNamed('postgres').create();
  onTestFinished(() => database.drop());
  const registry = new Registry();
  const host = await createAuthApp('fastify', database, {
    imports: [AuthMetricsModule.forRoot({ registry })],
    options: { audit: { store: true, flushInterval: '10ms' }, risk: { rules: [new RepeatWithin(), new NewCountry()] } },
  });
  onTestFinished(() => host.close());

  const secrets: string[] = [SECRET, 'alice-password', 'wrong-password-canary'];
  const keep = ({ body }: { body: AuthBody }) => {
    if (body.access_token) secrets.push(body.access_token, body.access_token.split('.')[2]);
    if (body.refresh_token) secrets.push(body.refresh_token, body.refresh_token.slice(40, 80));
    return body;
  };
  const signIn = async (password = 'alice-password') =>
    keep(await login(host.url, { username: 'alice', password, transport: 'body' }));
  const stepUp = (refresh_token: string, password: string) =>
    send<AuthBody>('POST', `${host.url}/auth/step-up`, { body: { refresh_token, password } });

  await signIn('wrong-password-canary');
  const { refresh_token: first } = await signIn();
  const { refresh_token: second } = keep(await refresh(host.url, first));
  keep(await refresh(host.url, first));
  keep(await stepUp(second, 'wrong-password-canary'));
  const { refresh_token: third } = keep(await stepUp(second, 'alice-password'));
  await refresh(host.url, `${third.slice(0, -2)}AA`);
  host.clock.advance(60_000);
  keep(await refresh(host.url, third));
  host.clock.advance(60_000);
  await refresh(host.url, first); // reuse
  // The keys of uses: in the body, in a claim, in the header, and malformed ones.
  const [key, claimed, inHeader, malformed] = ['body', 'claim', 'header', 'malformed !'].map(
    (place) => `canary-key-of-a-${place}`,
  );
  secrets.push(key, claimed, inHeader, malformed);
  const use = { idempotency_key: key, received_with: { generation: 0, keys: [claimed] } };
  const post = async (path: string, body: object, headers = {}) =>
    keep(await send<AuthBody>('POST', `${host.url}/auth/${path}`, { body, headers }));
  const credentials = { username: 'alice', password: 'alice-password', transport: 'body' };
  const { refresh_token: used } = await post('login', { ...credentials, ...use });
  await post('refresh', { refresh_token: used, ...use });
  await post('refresh', { refresh_token: used, ...use });
  await post('step-up', { refresh_token: used, password: 'alice-password', ...use });
  await post('refresh', { refresh_token: used }, { 'idempotency-key': inHeader });
  await post('refresh', { refresh_token: used, idempotency_key: malformed });
  await post('refresh', { refresh_token: used, received_with: { generation: 0, keys: [malformed] } });
  await post('refresh', { refresh_token: used }, { 'idempotency-key': malformed });
  host.clock.advance(60_000);
  await post('refresh', { refresh_token: used, ...use });
  const { refresh_token: last } = await signIn();
  await send('POST', `${host.url}/auth/logout`, { body: { refresh_token: last } });

  await host.module.get(AuthEventLog).flush();
  const tables = await Promise.all(
    ['auth_events', 'refresh_tokens'].map((table) => host.dataSource.query(`SELECT * FROM ${table}`)),
  );
  vi.restoreAllMocks();
  const metrics = await host.module.get(AuthMetrics, { strict: false }).registry.metrics();
  expect(written).toContain('reuse_detected');
  expect(metrics).toMatch(/auth_reuse_detected_total [12]\n/);
  expect(tables[0].length).toBeGreaterThan(8);
  const sinks = { written, metrics, events: JSON.stringify(host.events), tables: JSON.stringify(tables) };
  for (const [name, text] of Object.entries(sinks)) {
    for (const secret of secrets) expect(text.includes(secret), `${name} holds ${secret}`).toBe(false);
  }
});
