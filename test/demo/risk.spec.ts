import { AuthEventRecord, refreshTokenEntities } from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { type AuthBody, bearer, login, refresh, send } from '../support/http.js';
import { AUTH_SECRET, refusedStart, saidLast } from '../support/demos.js';

interface Event {
  type: string;
  at: string;
  session_id: string;
  reason: string | null;
  ip: string | null;
  country: string | null;
  outcome: string;
}

const [USA, USA_ELSEWHERE, AUSTRALIA, JAPAN] = ['8.8.8.8', '9.9.9.9', '1.1.1.1', '133.1.2.3'];
const from = (ip?: string): Record<string, string> => (ip === undefined ? {} : { 'x-forwarded-for': ip });

let database: TestDatabase;
beforeAll(async () => {
  database = await databaseNamed('postgres').create();
});
afterAll(() => database.drop());

function start(env: Record<string, string> = {}): Promise<DemoProcess> {
  return startDemo({ DATABASE_URL: database.url!, AUTH_SECRET, ...env });
}

async function signIn({ url }: DemoProcess, username: string, ip?: string): Promise<AuthBody> {
  const credentials = { username, password: `${username}-password`, transport: 'body' as const };
  const { status, body } = await login(url, credentials, from(ip));
  expect(status).toBe(200);
  return body;
}

async function eventsOf({ url }: DemoProcess, { access_token, session_id }: AuthBody, query = ''): Promise<Event[]> {
  const headers = bearer(access_token);
  return (await send<Event[]>('GET', `${url}/auth/events?session_id=${session_id}${query}`, { headers })).body;
}

/** As they are in the table, where the route has written them. */
async function storedEvents({ session_id }: AuthBody): Promise<Event[]> {
  const dataSource = await new DataSource(database.options(refreshTokenEntities, [])).initialize();
  const events = await dataSource.getRepository(AuthEventRecord).findBy({ sessionId: session_id });
  await dataSource.destroy();
  return events as unknown as Event[];
}

describe.each(['express', 'fastify'])('the demo behind a proxy that it trusts, on %s', (adapter) => {
  let demo: DemoProcess;
  beforeAll(async () => {
    demo = await start({ HTTP_ADAPTER: adapter, TRUST_PROXY: 'loopback' });
  });
  afterAll(() => demo?.stop());

  test('asks for a step-up after a journey that nobody makes, and goes on with the same token after it', async () => {
    const session = await signIn(demo, 'alice', USA);
    const refused = await refresh(demo.url, session.refresh_token, from(AUSTRALIA));
    expect(refused).toMatchObject({ status: 401, body: { error: 'step_up_required' } });

    const body = { password: 'alice-password', refresh_token: session.refresh_token };
    const stepped = await send<AuthBody>('POST', `${demo.url}/auth/step-up`, { headers: from(AUSTRALIA), body });
    expect(stepped.status).toBe(200);
    const again = await refresh(demo.url, session.refresh_token, from(AUSTRALIA));
    expect(again).toMatchObject({ status: 200, body: { refresh_token: stepped.body.refresh_token } });

    const events = await eventsOf(demo, session);
    expect(events.map(({ type, outcome, country }) => [type, outcome, country])).toEqual([
      ['step_up_passed', 'success', 'AU'],
      ['step_up_required', 'step_up', 'AU'],
      ['signed_in', 'success', 'US'],
    ]);
    expect(events[1]).toMatchObject({ reason: 'impossible_travel', ip: AUSTRALIA, session_id: session.session_id });
    expect(await eventsOf(demo, session, '&limit=1')).toEqual(events.slice(0, 1));
  });

  test('shows the country of a session', async () => {
    const session = await signIn(demo, 'bob', JAPAN);
    const headers = bearer(session.access_token);
    const { body } = await send<{ id: string }[]>('GET', `${demo.url}/auth/sessions`, { headers });
    expect(body.find(({ id }) => id === session.session_id)).toMatchObject({ country: 'JP', ip: JAPAN });
  });

  test('takes a repeat from elsewhere for theft', async () => {
    const session = await signIn(demo, 'alice', USA);
    const { body } = await refresh(demo.url, session.refresh_token, from(USA_ELSEWHERE));
    expect((await refresh(demo.url, session.refresh_token, from(AUSTRALIA))).body.error).toBe('invalid_grant');
    expect((await refresh(demo.url, body.refresh_token, from(USA))).body.error).toBe('invalid_grant');
  });

  test('raises an alert for a second refresh within a second, and asks for a step-up after three hundred in ten minutes', async () => {
    const session = await signIn(demo, 'bob', USA);
    let token = session.refresh_token;
    const statuses = new Set<number>();
    for (let count = 0; count < 300; count++) {
      const { status, body } = await refresh(demo.url, token, from(USA));
      statuses.add(status);
      token = body.refresh_token;
    }
    expect([...statuses]).toEqual([200]);
    for (let time = 0; time < 2; time++) {
      expect((await refresh(demo.url, token, from(USA))).body.error).toBe('step_up_required');
    }
    const events = await eventsOf(demo, session, '&limit=200');
    expect(events[0]).toMatchObject({ type: 'step_up_required', reason: 'too_frequent' });
    // The route leaves out refreshes of the last five minutes.
    expect(events.filter(({ type }) => type === 'refreshed')).toEqual([]);
    const stored = await storedEvents(session);
    expect(stored.filter(({ reason, outcome }) => reason === 'repeat_within' && outcome === 'alert')).not.toEqual([]);
  });

  test('serves its metrics', async () => {
    const { status, headers, body } = await send<string>('GET', `${demo.url}/metrics`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(body).toMatch(/^auth_refreshes_total\{outcome="step_up"\} \d+$/m);
  });

  test('wants a fresh authentication for what it exports', async () => {
    const { access_token } = await signIn(demo, 'alice', USA);
    const headers = bearer(access_token);
    expect((await send('GET', `${demo.url}/profile/export`, { headers })).status).toBe(200);
  });

  test('throttles guessing, and no one else', async () => {
    const guess = () => login(demo.url, { username: 'admin', password: 'a guess' }, from(JAPAN));
    const answers = await Promise.all(Array.from({ length: 40 }, guess));
    expect(answers.some(({ status }) => status === 401)).toBe(true);
    const refused = await guess();
    expect(refused).toMatchObject({ status: 429, body: { error: 'too_many_requests' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await signIn(demo, 'admin', USA);
  });
});

describe('the fences of the demo', () => {
  test('GEOFENCE_DENY keeps countries out, GEOFENCE_ALLOW all others; the token is not consumed', async () => {
    const fences: Record<string, string>[] = [{ GEOFENCE_DENY: 'AU, jp' }, { GEOFENCE_ALLOW: 'US' }];
    for (const env of fences) {
      const demo = await start({ TRUST_PROXY: 'loopback', RISK_RULES: 'off', ...env });
      const credentials = { username: 'alice', password: 'alice-password' };
      for (const ip of [AUSTRALIA, JAPAN]) {
        const refused = await login(demo.url, credentials, from(ip));
        expect(refused).toMatchObject({ status: 403, body: { error: 'region_not_allowed' } });
        expect(refused.headers.getSetCookie()).toEqual([]);
      }
      const { refresh_token } = await signIn(demo, 'alice', USA);
      for (let time = 0; time < 2; time++) {
        const refused = await refresh(demo.url, refresh_token, from(AUSTRALIA));
        expect(refused).toMatchObject({ status: 403, body: { error: 'region_not_allowed' } });
      }
      expect((await refresh(demo.url, refresh_token, from(USA_ELSEWHERE))).status).toBe(200);
      await demo.stop();
    }
  });

  test('RISK_RULES=off switches the other rules off', async () => {
    const demo = await start({ TRUST_PROXY: 'loopback', RISK_RULES: 'off' });
    const session = await signIn(demo, 'alice', USA);
    expect((await refresh(demo.url, session.refresh_token, from(AUSTRALIA))).status).toBe(200);
    await eventsOf(demo, session);
    expect((await storedEvents(session)).map(({ reason }) => reason)).toEqual([null, null]);
    await demo.stop();
  });
});

describe('the demo that trusts no proxy', () => {
  test.each(['express', 'fastify'])('heeds no X-Forwarded-For, on %s', async (HTTP_ADAPTER) => {
    const demo = await start({ HTTP_ADAPTER, TRUST_PROXY: 'none', GEOFENCE_DENY: 'AU' });
    const session = await signIn(demo, 'alice', AUSTRALIA);
    expect((await refresh(demo.url, session.refresh_token, from(JAPAN))).status).toBe(200);
    const events = await eventsOf(demo, session);
    for (const { ip, country } of events)
      expect([ip, country]).toEqual([expect.stringMatching(/^(127\.0\.0\.1|::1)$/), null]);
    await demo.stop();
  });

  test('refuses settings that make no sense', async () => {
    const env = { DATABASE_URL: database.url!, AUTH_SECRET };
    const settings: Record<string, string>[] = [{ RISK_RULES: 'maybe' }, { GEOFENCE_ALLOW: 'Germany' }, { AUDIT: '1' }];
    for (const wrong of settings) {
      const { code, output } = await refusedStart({ ...env, ...wrong });
      expect(code).toBe(1);
      expect(saidLast(output)).toContain(Object.values(wrong)[0]);
    }
  });
});
