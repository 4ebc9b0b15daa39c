import { Logger } from '@nestjs/common';
import {
  browserFamily,
  clientHints,
  type FingerprintPolicy,
  type FingerprintSignal,
  headerSignal,
  platform,
} from 'nestjs-refresh-token/binding';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AuthApp, createAuthApp, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login, refresh } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)';

const chrome = (version: number, unbrand = 'Not)A;Brand'): Record<string, string> => ({
  'user-agent': `${WINDOWS} Chrome/${version}.0.0.0 Safari/537.36`,
  'sec-ch-ua': `"${unbrand}";v="8", "Chromium";v="${version}", "Google Chrome";v="${version}"`,
  'sec-ch-ua-platform': '"Windows"',
  'sec-ch-ua-mobile': '?0',
  'x-device-id': 'device-1',
});
const firefox = {
  'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0',
  'x-device-id': 'device-1',
};
const safari = {
  'user-agent':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
  'x-device-id': 'device-1',
};

const signals = { browser: browserFamily, platform, hints: clientHints, device: headerSignal('X-Device-Id') };

describe('the fingerprint of a device', () => {
  let app: AuthApp;
  afterEach(() => app.close());

  async function start(
    onMismatch: FingerprintPolicy,
    tolerance = 0,
    secret: string | string[] = SECRET,
    database = databaseNamed('sqljs').create(),
  ) {
    app = await createAuthApp('express', await database, {
      options: { secret, binding: { fingerprint: { signals, onMismatch, tolerance } } },
    });
  }
  const signIn = async (device: Record<string, string>) => (await login(app.url, ALICE, device)).body;
  const changes = () => app.events.filter(({ type }) => type === 'device_changed');

  it.each([
    ['the same browser', chrome(140)],
    ['a browser that was updated', chrome(141, 'Not=A?Brand')],
    ['a browser that was updated many times', chrome(180, 'Not/A)Brand')],
  ])('is the same for %s', async (_, later) => {
    await start('revoke');
    const { refresh_token: token } = await signIn(chrome(140));
    expect((await refresh(app.url, token, later)).status).toBe(200);
    expect(changes()).toEqual([]);
  });

  it.each([
    ['another browser', firefox],
    ['another platform', safari],
    ['another device id', { ...chrome(140), 'x-device-id': 'device-2' }],
    ['no device id', { ...chrome(140), 'x-device-id': '' }],
    ['a program', { 'user-agent': 'curl/8.5.0' }],
    ['nothing at all', { 'user-agent': '' }],
    ['a hostile user agent', { ...chrome(140), 'user-agent': `${'('.repeat(20_00)}` }],
  ])('is another for %s', async (_, later) => {
    await start('step_up');
    const { refresh_token: token } = await signIn(chrome(140));
    expect((await refresh(app.url, token, later)).body.error).toBe('step_up_required');
  });

  it('step_up: the token is as good as before', async () => {
    await start('step_up');
    const { refresh_token: token, session_id: sessionId } = await signIn(chrome(140));
    const refused = await refresh(app.url, token, firefox);
    expect(refused.status).toBe(401);
    expect(app.events.at(-1)).toMatchObject({ type: 'step_up_required', reason: 'device_changed', sessionId });
    expect((await refresh(app.url, token, chrome(140))).status).toBe(200);
  });

  it('revoke: the session ends, and the client hears no more than of any dead one', async () => {
    await start('revoke');
    const { refresh_token: token } = await signIn(chrome(140));
    expect((await refresh(app.url, token, firefox)).body.error).toBe('invalid_grant');
    expect((await refresh(app.url, token, chrome(140))).body.error).toBe('invalid_grant');
    expect(app.events.find(({ type }) => type === 'revoked')).toMatchObject({ reason: 'device_changed' });
    expect(app.events.filter(({ alert }) => alert)).toHaveLength(1);
  });

  it.each(['alert', 'allow'] as const)(
    '%s: the session goes on with the new device, and it is told once',
    async (policy) => {
      await start(policy);
      const { refresh_token: token } = await signIn(chrome(140));
      const { status, body } = await refresh(app.url, token, firefox);
      expect(status).toBe(200);
      expect((await refresh(app.url, body.refresh_token, firefox)).status).toBe(200);
      expect(changes()).toHaveLength(1);
      expect(changes()[0].alert).toBe(policy === 'alert' ? true : undefined);
    },
  );

  it('tolerates as many signals as it is told to, each time', async () => {
    await start('revoke', 1);
    const { refresh_token: token } = await signIn(chrome(140));
    const { body: second } = await refresh(app.url, token, { ...chrome(140), 'x-device-id': 'device-2' });
    const { body: third, status } = await refresh(app.url, second.refresh_token, {
      ...chrome(140),
      'x-device-id': 'device-3',
    });
    expect(status).toBe(200);
    expect((await refresh(app.url, third.refresh_token, firefox)).status).toBe(401);
  });

  it('is judged for the predecessor too', async () => {
    await start('step_up');
    const { refresh_token: first } = await signIn(chrome(140));
    await refresh(app.url, first, chrome(140));
    const otherDevice = { ...chrome(140), 'x-device-id': 'device-2' };
    expect((await refresh(app.url, first, otherDevice)).body.error).toBe('step_up_required');
    expect((await refresh(app.url, first, chrome(140))).status).toBe(200);
  });

  it('need not be judged for the predecessor from another browser: that is reuse', async () => {
    await start('step_up');
    const { refresh_token: first } = await signIn(chrome(140));
    const { body } = await refresh(app.url, first, chrome(140));
    expect((await refresh(app.url, first, firefox)).body.error).toBe('invalid_grant');
    expect((await refresh(app.url, body.refresh_token, chrome(140))).status).toBe(401);
  });

  it('is kept as keyed hashes, which differ from session to session', async () => {
    await start('alert');
    await signIn(chrome(140));
    await signIn(chrome(140));
    const rows: { fingerprint: string }[] = await app.dataSource.query('SELECT * FROM refresh_tokens');
    expect(JSON.stringify(rows.map(({ fingerprint }) => fingerprint))).not.toMatch(/device-1|Chrome|Windows/);
    expect(rows[0].fingerprint).not.toBe(rows[1].fingerprint);
  });

  it('is made anew after a refresh without HTTP under a new secret', async () => {
    const database = databaseNamed('postgres').create();
    await start('revoke', 0, SECRET, database);
    const { refresh_token: token } = await signIn(chrome(140));
    await app.close();
    await start('revoke', 0, ['x3Kp-a-new-secret-7Yb2LqW9zR4mT8vN1cF6', SECRET], database);
    const { refreshToken } = await app.service.refresh(token);
    expect((await refresh(app.url, refreshToken, chrome(140))).status).toBe(200);
  });

  it('passes over a signal that cannot be read', async () => {
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    onTestFinished(() => error.mockRestore());
    const tenant: FingerprintSignal = ({ headers }) => JSON.parse(headers['x-tenant'] as string) as string;
    app = await createAuthApp('express', await databaseNamed('sqljs').create(), {
      options: { binding: { fingerprint: { signals: { ...signals, tenant }, onMismatch: 'revoke' } } },
    });
    const hostile = { ...chrome(140), 'x-tenant': '\u009b31mred\u0085next' };
    const { refresh_token: token } = await signIn(hostile);
    expect((await refresh(app.url, token, hostile)).status).toBe(200);
    // Told once, and the parser's message, which quotes the header, obeys nobody.
    expect(error.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringMatching(/^The signal "tenant" cannot be read: [^\p{Cc}]+$/u),
    ]);
  });

  it('survives a change of the secret', async () => {
    const database = databaseNamed('postgres').create();
    await start('revoke', 0, SECRET, database);
    let { refresh_token: token } = await signIn(chrome(140));
    const next = 'x3Kp-a-new-secret-7Yb2LqW9zR4mT8vN1cF6';
    for (const secret of [[next, SECRET], [next]]) {
      await app.close();
      await start('revoke', 0, secret, database);
      const { status, body } = await refresh(app.url, token, chrome(140));
      expect(status).toBe(200);
      token = body.refresh_token;
    }
    expect((await refresh(app.url, token, firefox)).status).toBe(401);
  });
});
