import { Controller, Post } from '@nestjs/common';
import { AuthError, type AuthModuleOptions, AuthRoute } from 'nestjs-refresh-token';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Adapter, adapters, type AuthApp, createAuthApp, ManualClock } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { login, refresh, send } from '../support/http.js';

const THIEF = { 'x-forwarded-for': '198.51.100.66' };
const RIGHT = { username: 'alice', password: 'alice-password', transport: 'body' as const };
const LIMITS = { loginFailures: 3, loginFailuresOfAddress: 8, refreshFailures: 5, stepUpFailures: 2 };

/** Too many password checks are under way. */
@Controller()
class BusyController {
  @Post('busy-login')
  @AuthRoute('login')
  login(): never {
    throw new AuthError('temporarily_unavailable', undefined, { overloaded: true });
  }
}

async function start(adapter: Adapter, binding: AuthModuleOptions['binding'] = {}): Promise<AuthApp> {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    options: { binding },
    imports: [AuthThrottlingModule.forRoot(LIMITS)],
    controllers: [BusyController],
    clock: new ManualClock(),
    trustProxy: 'loopback',
  });
  onTestFinished(() => app.close());
  return app;
}

describe.each(adapters)('refused bindings, on %s', (adapter) => {
  // A thief of a bound token without its key, or any user with a session of their own, floods the alerts.
  it('of a refresh are counted by address and session, and by address', async () => {
    const { url, clock, events } = await start(adapter);
    const client = new DpopClient(await generateProofKey(), url, () => clock.now());
    const { refresh_token } = (await client.login(RIGHT)).body;
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(url, refresh_token, THIEF)));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(95);
    expect(events.filter(({ type }) => type === 'binding_failed')).toHaveLength(1);
    // The owner is elsewhere, and has the key.
    expect((await client.refresh(refresh_token)).status).toBe(200);
    // New sessions of the same address have what is left of its limit.
    const second = (await client.login(RIGHT)).body.refresh_token;
    const more = await Promise.all(Array.from({ length: 20 }, () => refresh(url, second, THIEF)));
    expect(more.filter(({ status }) => status === 401)).toHaveLength(5);
    expect((await login(url, RIGHT, THIEF)).status).toBe(429);
    expect((await login(url, RIGHT)).status).toBe(200);
  });

  // The same at the step-up. It must not use up the step-ups of the owner.
  it('of a step-up are counted by address, and leave the owner the step-up', async () => {
    const { url, clock } = await start(adapter);
    const client = new DpopClient(await generateProofKey(), url, () => clock.now());
    const { refresh_token } = (await client.login(RIGHT)).body;
    const stepUp = (headers: Record<string, string>) =>
      send('POST', `${url}/auth/step-up`, { headers, body: { refresh_token, password: RIGHT.password } });
    for (let count = 0; count < 5; count++) expect((await stepUp(THIEF)).status).toBe(401);
    expect((await stepUp(THIEF)).status).toBe(429);
    expect((await stepUp({ dpop: await client.proof('POST', '/auth/step-up') })).status).toBe(200);
  });

  // The password is right, and the proof that the server asks for is missing.
  it('of a login are counted by address', async () => {
    const { url } = await start(adapter, { required: ['dpop'] });
    for (let count = 0; count < 8; count++) expect((await login(url, RIGHT, THIEF)).status).toBe(400);
    expect((await login(url, RIGHT, THIEF)).status).toBe(429);
    expect((await login(url, RIGHT)).status).toBe(400);
  });

  // Asking for a nonce is a step of the protocol.
  it('do not include proofs that only lack the nonce of the server', async () => {
    const { url, clock } = await start(adapter, { dpop: { requireNonce: true } });
    const client = new DpopClient(await generateProofKey(), url, () => clock.now());
    for (let count = 0; count < 20; count++) {
      const answer = await login(url, RIGHT, { ...THIEF, dpop: await client.proof('POST', '/auth/login') });
      expect(answer.body.error).toBe('use_dpop_nonce');
    }
    expect((await login(url, RIGHT, THIEF)).status).toBe(200);
  });

  // A flood of logins that are refused before their passwords are checked.
  it('like logins that were too many at once, are counted by address', async () => {
    const { url } = await start(adapter);
    const busy = () => send('POST', `${url}/busy-login`, { headers: THIEF, body: { username: crypto.randomUUID() } });
    const statuses = (await Promise.all(Array.from({ length: 40 }, busy))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(8);
    expect((await login(url, RIGHT, THIEF)).status).toBe(429);
    expect((await login(url, RIGHT)).status).toBe(200);
  });
});
