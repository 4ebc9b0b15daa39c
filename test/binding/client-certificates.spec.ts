import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { envoyElement, haproxyValue, nginxValue, rfc9440Value } from '../support/forwarding-proxies.js';
import { type AuthBody, bearer } from '../support/http.js';
import { ResourceController } from '../support/resource.controller.js';
import { generateIdentity, type Identity, sendOverTls, startTlsProxy, thumbprintOf } from '../support/tls.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' };

let server: Identity;
let alice: Identity;
let mallory: Identity;
beforeAll(async () => {
  [server, alice, mallory] = await Promise.all(['localhost', 'alice', 'mallory'].map(generateIdentity));
});

/** The same holds if the server ends TLS, and if a proxy does. */
function bindsToCertificates(url: () => string): void {
  const post = (path: string, body: object, identity?: Identity, headers?: Record<string, string>) =>
    sendOverTls<AuthBody>('POST', url() + path, { identity, body, headers });
  const login = (identity?: Identity) => post('/auth/login', { ...ALICE, bind: 'tls' }, identity);
  const refresh = (token: string, identity?: Identity) => post('/auth/refresh', { refresh_token: token }, identity);
  const resource = (token: string, identity?: Identity) =>
    sendOverTls<{ error: string }>('GET', `${url()}/resource`, { identity, headers: bearer(token) });

  it('a session is bound to the certificate of its login, and so is its access token', async () => {
    const { status, body } = await login(alice);
    expect(status).toBe(200);
    expect(body.token_type).toBe('Bearer');
    expect(decodeJwt(body.access_token).cnf).toEqual({ 'x5t#S256': alice.thumbprint });
    const { status: refreshed, body: next } = await refresh(body.refresh_token, alice);
    expect(refreshed).toBe(200);
    expect((await resource(next.access_token, alice)).status).toBe(200);
  });

  it('without it, or with another, the tokens are worth nothing, and nothing is consumed', async () => {
    const { body } = await login(alice);
    for (const identity of [undefined, mallory]) {
      expect(await refresh(body.refresh_token, identity)).toMatchObject({
        status: 401,
        body: { error: 'invalid_grant' },
      });
      const refused = await resource(body.access_token, identity);
      expect([refused.status, refused.body.error]).toEqual([401, 'invalid_token']);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
    expect((await refresh(body.refresh_token, alice)).status).toBe(200);
  });

  it('a login that asks for it without a certificate is told so', async () => {
    const { status, body } = await login();
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    expect(body.error_description).toMatch(/certificate/);
  });

  it('a certificate binds nobody who has not asked', async () => {
    const { body } = await post('/auth/login', ALICE, alice);
    expect(decodeJwt(body.access_token).cnf).toBeUndefined();
    expect((await refresh(body.refresh_token)).status).toBe(200);
  });

  it('headers of the client’s own making count for nothing', async () => {
    const { body } = await login(alice);
    const forged = {
      'x-forwarded-client-cert': encodeURIComponent(alice.cert),
      'client-cert': `:${Buffer.from(alice.cert).toString('base64')}:`,
    };
    const answer = await post('/auth/refresh', { refresh_token: body.refresh_token }, mallory, forged);
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_grant']);
  });
}

describe.each(adapters)('a TLS server, on %s', (adapter) => {
  let database: TestDatabase;
  let app: AuthApp;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    app = await createAuthApp(adapter, database, {
      controllers: [ResourceController],
      options: { requireTls: true },
      https: { cert: server.cert, key: server.key, requestCert: true, rejectUnauthorized: false },
    });
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  bindsToCertificates(() => app.url);
});

/** The certificate as the proxies write it. */
const headers: Record<string, [header: string, value: (identity: Identity) => string]> = {
  'nginx, escaped PEM': ['x-ssl-client-cert', nginxValue],
  'HAProxy, DER': ['x-ssl-client-cert', haproxyValue],
  'Envoy, certificate': [
    'x-forwarded-client-cert',
    (identity) => envoyElement(identity, { by: ['spiffe://inside/server'], cert: true }),
  ],
  'Envoy, hash': ['x-forwarded-client-cert', (identity) => envoyElement(identity, { subject: true, uri: true })],
  'RFC 9440': ['client-cert', rfc9440Value],
};

describe.each(adapters)('a server behind a proxy that ends TLS, on %s', (adapter) => {
  describe.each(Object.keys(headers))('%s', (form) => {
    const [header, value] = headers[form];
    let database: TestDatabase;
    let app: AuthApp;
    let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
    beforeAll(async () => {
      database = await databaseNamed('sqljs').create();
      app = await createAuthApp(adapter, database, {
        controllers: [ResourceController],
        trustProxy: 'loopback',
        options: { requireTls: true, binding: { tls: { trustedProxies: ['loopback'], header } } },
      });
      proxy = await startTlsProxy(app.url, server, ({ certificate }) => {
        const thumbprint = certificate && thumbprintOf(certificate);
        const identity = [alice, mallory].find((known) => known.thumbprint === thumbprint);
        return { [header]: identity ? value(identity) : '' };
      });
    });
    afterAll(async () => {
      await proxy?.close();
      await app?.close();
    });

    bindsToCertificates(() => proxy.url);

    it('proofs of possession are for the URL that the client knows', async () => {
      const client = new DpopClient(await generateProofKey(), proxy.url, () => app.clock.now());
      const dpop = await client.proof('POST', '/auth/login');
      const { status, body } = await sendOverTls<AuthBody>('POST', `${proxy.url}/auth/login`, {
        headers: { dpop },
        body: ALICE,
      });
      expect([status, body.token_type]).toEqual([200, 'DPoP']);

      const inside = new DpopClient(client.key, app.url, () => app.clock.now());
      const refused = await sendOverTls<AuthBody>('POST', `${proxy.url}/auth/login`, {
        headers: { dpop: await inside.proof('POST', '/auth/login') },
        body: ALICE,
      });
      expect(refused.body.error).toBe('invalid_dpop_proof');
    });
  });
});

describe('a server that trusts no proxy', () => {
  it('ignores every such header', async () => {
    const database = await databaseNamed('sqljs').create();
    const app = await createAuthApp('express', database, {
      options: { binding: { tls: { trustedProxies: ['10.0.0.0/8', '2001:db8::/32'] } } },
    });
    const { status, body } = await fetch(`${app.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-client-cert': encodeURIComponent(alice.cert) },
      body: JSON.stringify({ ...ALICE, bind: 'tls' }),
    }).then(async (answer) => ({ status: answer.status, body: (await answer.json()) as AuthBody }));
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    await app.close();
  });
});
