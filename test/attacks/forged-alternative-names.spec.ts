import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type EnvoyDetails, envoyElement } from '../support/forwarding-proxies.js';
import { type AuthBody, bearer } from '../support/http.js';
import { ResourceController } from '../support/resource.controller.js';
import {
  generateIdentity,
  generateIdentityNaming,
  type Identity,
  sendOverTls,
  startTlsProxy,
  thumbprintOf,
} from '../support/tls.js';

/** A client with the alternative names of its certificate. */
interface Client extends Identity {
  uris: string[];
}

const hashOf = ({ thumbprint }: Identity) => Buffer.from(thumbprint, 'base64url').toString('hex');
const clientWith = async (name: string, uris: string[]): Promise<Client> => ({
  ...(await generateIdentityNaming(name, ...uris)),
  uris,
});

describe.each(adapters)('a thief with the victim’s tokens, and a certificate of its own making, on %s', (adapter) => {
  let app: AuthApp;
  let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
  let victim: Client;
  let details: EnvoyDetails;
  const clients: Client[] = [];
  beforeAll(async () => {
    victim = await clientWith('victim', ['spiffe://example/victim']);
    clients.push(victim);
    app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
      controllers: [ResourceController],
      options: { binding: { tls: { trustedProxies: ['loopback'] } } },
    });
    // An Envoy with SANITIZE_SET.
    proxy = await startTlsProxy(app.url, await generateIdentity(), ({ certificate }) => {
      const client = clients.find(({ thumbprint }) => certificate && thumbprint === thumbprintOf(certificate));
      return { 'x-forwarded-client-cert': client ? envoyElement(client, details) : '' };
    });
  });
  afterAll(async () => {
    await proxy?.close();
    await app?.close();
  });

  const post = (path: string, identity: Identity, body: object) =>
    sendOverTls<AuthBody>('POST', proxy.url + path, { identity, body });
  const login = (identity: Identity) =>
    post('/auth/login', identity, { username: 'alice', password: 'alice-password', transport: 'body', bind: 'tls' });
  const refresh = (identity: Identity, token: string) => post('/auth/refresh', identity, { refresh_token: token });
  const resource = (identity: Identity, token: string) =>
    sendOverTls<{ error: string }>('GET', `${proxy.url}/resource`, { identity, headers: bearer(token) });

  const all: EnvoyDetails = { by: ['spiffe://inside/server'], cert: true, subject: true, uri: true, dns: true };
  it.each<[attack: string, details: EnvoyDetails, uri: (victim: Identity) => string]>([
    // Envoy writes URIs without quotes, so a semicolon in one begins a key of the thief's choice.
    ['a second hash', { uri: true }, (identity) => `spiffe://x;Hash=${hashOf(identity)}`],
    ['a second hash, after all details', all, (identity) => `spiffe://x;Hash=${hashOf(identity)}`],
    // A certificate is public: the thief needs no key to name the one of the victim.
    ['a second certificate', { uri: true }, ({ cert }) => `spiffe://x;Cert="${encodeURIComponent(cert)}"`],
    // A comma in a URI begins an element of the thief's choice, as if a nearer proxy had appended it.
    ['an element', { uri: true }, (identity) => `spiffe://x,By=spiffe://inside/server;Hash=${hashOf(identity)}`],
    [
      'an element with a certificate',
      { uri: true, dns: true },
      ({ cert }) => `x,Hash=${'0'.repeat(64)};Cert="${encodeURIComponent(cert)}"`,
    ],
    // A key in another case is another key to some readers, and the same to others.
    ['a hash in another case', { uri: true }, (identity) => `spiffe://x;hash=${hashOf(identity)}`],
  ])('does not pass for the victim by a URI with %s', async (_, given, uri) => {
    details = given;
    const thief = await clientWith('thief', [uri(victim)]);
    clients.push(thief);
    const { body } = await login(victim);
    expect(body.error).toBeUndefined();

    // An alert is told once a minute for each network.
    app.clock.advance(60_000);
    app.events.length = 0;
    expect(await refresh(thief, body.refresh_token)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
    expect(await resource(thief, body.access_token)).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
    const alerts = app.events.filter(({ alert }) => alert);
    expect(alerts).toContainEqual(
      expect.objectContaining({ type: 'binding_failed', reason: 'forwarded_certificate', ip: '127.0.0.1' }),
    );
    // Nothing tells the secrets of either.
    expect(JSON.stringify(alerts)).not.toContain(hashOf(victim));

    expect((await login(thief)).status).toBe(400);
    expect((await resource(victim, body.access_token)).status).toBe(200);
    expect((await refresh(victim, body.refresh_token)).status).toBe(200);
  });
});
