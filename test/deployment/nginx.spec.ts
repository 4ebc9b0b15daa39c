import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import type { AuthBody } from '../support/http.js';
import { nginxAvailable, type RunningNginx, startNginx } from '../support/nginx.js';
import { root } from '../support/root.js';
import { generateIdentity, type Identity, sendOverTls } from '../support/tls.js';

const ALICE = { username: 'alice', password: 'chosen for these tests' };
const portOf = ({ url }: DemoProcess) => new URL(url).port;

/** The nginx configuration in the documentation. */
async function documented(): Promise<string> {
  const page = await readFile(join(root, 'docs/deployment.md'), 'utf8');
  return /```nginx\n([\s\S]*?)```/.exec(page)![1];
}

describe.runIf(nginxAvailable)('two instances behind nginx, as the documentation configures it', () => {
  let database: TestDatabase;
  let demos: [DemoProcess, DemoProcess];
  let nginx: RunningNginx;
  let env: Record<string, string>;
  let client: Identity;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    env = {
      DATABASE_URL: database.url!,
      AUTH_SECRET: 'behind-nginx-behind-nginx-behind-nginx',
      NODE_ENV: 'production',
      DEMO_PASSWORD: ALICE.password,
      TRUST_PROXY: 'loopback',
      CLIENT_CERTIFICATE_HEADER: 'X-Forwarded-Client-Cert',
      RISK_RULES: 'off',
    };
    const first = await startDemo(env);
    demos = [first, await startDemo(env)];
    client = await generateIdentity('client');
    nginx = await startNginx(await documented(), [portOf(demos[0]), portOf(demos[1])], await generateIdentity());
  });

  afterAll(async () => {
    await nginx?.stop();
    await Promise.all(demos?.map((demo) => demo.stop()) ?? []);
    await database?.drop();
  });

  const login = (body: object, headers: Record<string, string> = {}, identity?: Identity) =>
    sendOverTls<AuthBody>('POST', `${nginx.httpsUrl}/auth/login`, { body: { ...ALICE, ...body }, headers, identity });
  const refresh = (token: string, headers: Record<string, string> = {}, identity?: Identity) =>
    sendOverTls<AuthBody>('POST', `${nginx.httpsUrl}/auth/refresh`, {
      body: { refresh_token: token },
      headers,
      identity,
    });

  test('sign in and refresh over TLS, with the cookie', async () => {
    const signedIn = await login({});
    expect(signedIn.status).toBe(200);
    const cookie = signedIn.headers.get('set-cookie')!;
    expect(cookie).toMatch(/^__Host-refresh_token=.*Secure/);
    // The origin of a page on this host: the application must know the host by the proxy.
    const headers = { Cookie: cookie.split(';')[0], Origin: nginx.httpsUrl };
    const refreshed = await sendOverTls('POST', `${nginx.httpsUrl}/auth/refresh`, { headers });
    expect(refreshed.status).toBe(200);
  });

  test('send plain HTTP to HTTPS, and serve none by themselves', async () => {
    const redirected = await fetch(`${nginx.httpUrl}/auth/me`, { redirect: 'manual' });
    expect(redirected.status).toBe(308);
    expect(redirected.headers.get('location')).toMatch(/^https:/);
    const direct = await fetch(`${demos[0].url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ALICE),
    });
    expect(await direct.json()).toMatchObject({ error: 'https_required' });
  });

  test('do not believe the address that a client claims', async () => {
    const { body } = await login({ transport: 'body' }, { 'X-Forwarded-For': '8.8.8.8' });
    const headers = { Authorization: `Bearer ${body.access_token}` };
    const sessions = await sendOverTls<{ current: boolean; ip: string }[]>('GET', `${nginx.httpsUrl}/auth/sessions`, {
      headers,
    });
    expect(sessions.body.find(({ current }) => current)!.ip).toBe('127.0.0.1');
  });

  test('bind a session to the certificate of the client, and to no certificate that a header claims', async () => {
    const forged = { 'X-Forwarded-Client-Cert': encodeURIComponent(client.cert) };
    expect((await login({ transport: 'body', bind: 'tls' }, forged)).status).toBe(400);
    const { status, body } = await login({ transport: 'body', bind: 'tls' }, {}, client);
    expect(status).toBe(200);
    expect((await refresh(body.refresh_token, forged)).status).toBe(401);
    expect((await refresh(body.refresh_token, {}, client)).status).toBe(200);
  });

  test('sign nobody out when one of them restarts', async () => {
    const answers = await Promise.all(Array.from({ length: 2 }, () => login({ transport: 'body' })));
    const tokens = answers.map(({ body }) => body.refresh_token);
    let restarted = false;
    const refreshing = Promise.all(
      tokens.map(async (first) => {
        let token = first;
        let refreshes = 0;
        while (!restarted || refreshes < 5) {
          const { status, body } = await refresh(token);
          // 502 or 504 while nginx has not noticed that the instance is gone, 503 on a busy machine: the same token again.
          if ([502, 503, 504].includes(status)) continue;
          expect(status).toBe(200);
          token = body.refresh_token;
          refreshes++;
        }
      }),
    );
    await demos[1].stop();
    restarted = true;
    await refreshing;
  });
});
