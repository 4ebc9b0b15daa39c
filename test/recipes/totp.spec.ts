import { generate } from 'otplib';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, cookieHeader, login, refreshCookie, send } from '../support/http.js';
import { claimsOf, MINUTE, SECOND } from '../support/listening.js';
import { pageHost } from '../support/page-host.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'cookie' } as const;

describe.each(adapters)('a one-time password (%s)', (adapter) => {
  const host = pageHost(adapter, { page: 'docs/guides/totp.md', modules: ['TotpModule'] });
  let secret = '';
  const code = () => generate({ secret, epoch: Math.floor(host.clock.now() / SECOND) });
  const post = (path: string, body: object | undefined, headers: Record<string, string>) =>
    send<AuthBody & { uri: string }>('POST', `${host.url}${path}`, { body, headers });
  const remove = (token: string) => send('DELETE', `${host.url}/account`, { headers: bearer(token) });

  /** A new session of Alice, whose second factor is enrolled; the code before is used up. */
  async function signIn() {
    const answer = await login(host.url, ALICE);
    const headers = bearer(answer.body.access_token);
    if (secret === '') {
      const { uri } = (await post('/totp', undefined, headers)).body;
      secret = new URL(uri).searchParams.get('secret')!;
      expect((await post('/totp/confirm', { otp: '000000' }, headers)).status).toBe(401);
      expect((await post('/totp/confirm', { otp: await code() }, headers)).status).toBe(204);
    }
    host.clock.advance(MINUTE);
    return { answer, cookie: cookieHeader(refreshCookie(answer)!) };
  }

  test('opens a route that asks for two factors, for five minutes', async () => {
    const { answer, cookie } = await signIn();
    const refused = await remove(answer.body.access_token);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300"',
    ]);
    const stepped = await post('/totp/step-up', { otp: await code() }, cookie);
    expect(stepped).toMatchObject({ status: 200, body: { session_id: answer.body.session_id } });
    expect(claimsOf(stepped.body.access_token)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'aal2' });
    expect((await remove(stepped.body.access_token)).status).toBe(204);
    host.clock.advance(6 * MINUTE);
    expect((await remove(stepped.body.access_token)).status).toBe(401);
  });

  test('works once, also in another session and at the same moment', async () => {
    const [first, second] = [await signIn(), await signIn()];
    const otp = await code();
    const answers = await Promise.all([first, second].map(({ cookie }) => post('/totp/step-up', { otp }, cookie)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const loser = answers[0].status === 401 ? first : second;
    host.clock.advance(29 * SECOND);
    expect((await post('/totp/step-up', { otp }, loser.cookie)).body.error).toBe('invalid_credentials');
  });

  test('is right for a minute, and wrong in any other form; the refresh token stays good', async () => {
    const { cookie } = await signIn();
    const old = await code();
    host.clock.advance(MINUTE);
    for (const otp of [old, undefined]) {
      expect((await post('/totp/step-up', { otp }, cookie)).status, String(otp)).toBe(401);
    }
    const again = await signIn();
    for (const otp of [1, ['123456'], '12345x']) {
      expect((await post('/totp/step-up', { otp }, again.cookie)).status, String(otp)).toBe(401);
    }
    const late = await code();
    host.clock.advance(30 * SECOND);
    expect((await post('/totp/step-up', { otp: late }, again.cookie)).status).toBe(200);
    expect((await post('/totp/step-up', { otp: late }, {})).body.error).toBe('refresh_token_missing');
  });

  test('cannot be guessed: five wrong ones, and the session has to wait', async () => {
    const { cookie } = await signIn();
    const right = await code();
    const wrong = String((Number(right) + 1) % 1_000_000).padStart(6, '0');
    const statuses = [];
    for (let time = 0; time < 6; time++) statuses.push((await post('/totp/step-up', { otp: wrong }, cookie)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
    expect((await post('/totp/step-up', { otp: right }, cookie)).status).toBe(429);
    expect((await post('/auth/refresh', undefined, cookie)).status).toBe(200);
  });

  test('is asked for again after a step-up by the password alone', async () => {
    const { cookie } = await signIn();
    const both = await post('/totp/step-up', { otp: await code() }, cookie);
    const password = await post('/auth/step-up', { password: 'alice-password' }, cookieHeader(refreshCookie(both)!));
    expect(claimsOf(password.body.access_token)).toMatchObject({ amr: ['pwd'] });
    expect((await remove(password.body.access_token)).status).toBe(401);
  });

  test('is not replaced, and not enrolled by a stolen access token', async () => {
    const { answer } = await signIn();
    const headers = bearer(answer.body.access_token);
    expect((await post('/totp', undefined, headers)).status).toBe(409);
    expect((await post('/totp/confirm', { otp: await code() }, headers)).status).toBe(401);
    host.clock.advance(6 * MINUTE);
    expect((await post('/totp', undefined, headers)).body.error).toBe('insufficient_user_authentication');
  });
});
