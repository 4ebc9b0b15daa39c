import { Logger } from '@nestjs/common';
import { type AuthEvent, AuthEventBus, AuthEventLog } from 'nestjs-refresh-token';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DpopClient, generateProofKey, hashOf } from '../support/dpop.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { listening, MINUTE } from '../support/listening.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const MANY = 300;

describe('alerts', () => {
  const options = {
    audit: { store: true, flushInterval: '10ms' },
    binding: { dpop: { checkReplayAtResources: true } },
  };
  const app = listening('express', { options });
  let warnings: string[];
  let alerts: AuthEvent[];
  let unsubscribe: () => void;
  beforeEach(() => {
    [warnings, alerts] = [[], []];
    app.clock.advance(MINUTE);
    vi.spyOn(Logger.prototype, 'warn').mockImplementation((text) => void warnings.push(String(text)));
    unsubscribe = app.module.get(AuthEventBus, { strict: false }).subscribeToAlerts((event) => void alerts.push(event));
  });
  afterEach(() => {
    unsubscribe();
    vi.restoreAllMocks();
  });

  const keyed = async () => {
    const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
    const { body } = await client.login(ALICE);
    return { client, accessToken: body.access_token, refreshToken: body.refresh_token!, sessionId: body.session_id };
  };
  const rowsOf = (sessionId: string) =>
    app.module.get(AuthEventLog, { strict: false }).find({ sessionId, type: 'binding_failed' });
  const flood = (request: () => Promise<unknown>) => Promise.all(Array.from({ length: MANY }, request));

  // A user with one bound session shows its access token in the wrong scheme, to hide the alert of another session.
  test('cannot be drowned at a guarded route: one a minute for each session and reason, then their number', async () => {
    const mallory = await keyed();
    await flood(() => send('GET', `${app.url}/auth/me`, { headers: bearer(mallory.accessToken) }));
    expect(alerts).toMatchObject([{ type: 'binding_failed', reason: 'scheme', sessionId: mallory.sessionId }]);
    expect(warnings).toHaveLength(1);
    expect(await rowsOf(mallory.sessionId)).toHaveLength(1);

    const victim = await keyed();
    await send('GET', `${app.url}/auth/me`, { headers: bearer(victim.accessToken) });
    expect(alerts.at(-1)).toMatchObject({ sessionId: victim.sessionId });

    app.clock.advance(MINUTE);
    await send('GET', `${app.url}/auth/me`, { headers: bearer(mallory.accessToken) });
    expect(alerts).toHaveLength(3);
    expect(alerts.at(-1)).toMatchObject({ sessionId: mallory.sessionId, count: MANY });
    expect((await rowsOf(mallory.sessionId)).map(({ count }) => count)).toEqual([MANY, null]);
  });

  // The same with the refresh token of a bound session, without a proof.
  test('cannot be drowned by refreshes', async () => {
    const mallory = await keyed();
    await flood(() => refresh(app.url, mallory.refreshToken));
    expect(alerts).toMatchObject([{ type: 'binding_failed', reason: 'dpop', sessionId: mallory.sessionId }]);
    expect(await rowsOf(mallory.sessionId)).toHaveLength(1);
    expect((await mallory.client.refresh(mallory.refreshToken)).status).toBe(200);
  });

  // One proof, sent again and again.
  test('cannot be drowned by replays', async () => {
    const { client, accessToken, sessionId } = await keyed();
    const proof = await client.proof('GET', '/auth/me', { ath: hashOf(accessToken) });
    await flood(() =>
      send('GET', `${app.url}/auth/me`, { headers: { authorization: `DPoP ${accessToken}`, dpop: proof } }),
    );
    expect(alerts).toMatchObject([{ type: 'binding_failed', reason: 'dpop_replayed', sessionId }]);
  });

  // A user signs in again and again, and has each session ended as stolen.
  test('cannot be drowned by many sessions of one user', async () => {
    const events: AuthEvent[] = [];
    onTestFinished(app.module.get(AuthEventBus, { strict: false }).subscribe((event) => void events.push(event)));
    for (let count = 0; count < 50; count++) {
      const { body } = await login(app.url, ALICE, { 'user-agent': 'curl/8.0' });
      await refresh(app.url, body.refresh_token);
      app.clock.advance(MINUTE / 100);
      await refresh(app.url, body.refresh_token, { 'user-agent': 'Mozilla/5.0 (X11; Linux) Firefox/140.0' });
    }
    const reuses = events.filter(({ type }) => type === 'reuse_detected');
    expect(reuses).toHaveLength(50);
    expect(reuses.filter(({ alert }) => alert)).toHaveLength(20);
    expect(warnings.filter((line) => line.includes('"reuse_detected"'))).toHaveLength(20);
    for (let count = 0; count < 50; count++) await refresh(app.url, (await keyed()).refreshToken);
    expect(alerts.filter(({ type }) => type === 'binding_failed')).toHaveLength(21);

    const bob = await login(app.url, { ...ALICE, username: 'bob', password: 'bob-password' });
    await refresh(app.url, bob.body.refresh_token, { 'user-agent': 'curl/8.0' });
    await refresh(app.url, bob.body.refresh_token, { 'user-agent': 'Mozilla/5.0 (X11; Linux) Firefox/140.0' });
    expect(alerts.at(-1)).toMatchObject({ type: 'reuse_detected', userId: 'user-bob' });
  });

  // A proof that is sent with logins names no session: then the network counts.
  test('cannot be drowned by replays without a session', async () => {
    const { client } = await keyed();
    const proof = await client.proof('POST', '/auth/login');
    await flood(() => send('POST', `${app.url}/auth/login`, { headers: { dpop: proof }, body: ALICE }));
    expect(alerts).toMatchObject([{ type: 'binding_failed', reason: 'dpop_replayed' }]);
  });

  test('of different reasons are all told', async () => {
    const mallory = await keyed();
    await send('GET', `${app.url}/auth/me`, { headers: bearer(mallory.accessToken) });
    await send('GET', `${app.url}/auth/me`, { headers: { authorization: `DPoP ${mallory.accessToken}` } });
    await refresh(app.url, mallory.refreshToken);
    // A refused refresh is counted apart from a refused request.
    expect(alerts.map(({ reason }) => reason)).toEqual(['scheme', 'dpop', 'dpop']);
  });

  test('that are held back are told when the application stops', async () => {
    const mallory = await keyed();
    await flood(() => send('GET', `${app.url}/auth/me`, { headers: bearer(mallory.accessToken) }));
    await app.app.close();
    const ofMallory = alerts.filter(({ sessionId }) => sessionId === mallory.sessionId);
    expect(ofMallory.map(({ count }) => count)).toEqual([undefined, MANY - 1]);
  });
});
