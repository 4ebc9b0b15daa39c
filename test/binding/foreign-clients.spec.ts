import { generateKeyPair, generateProof } from 'dpop';
import { Clock } from 'nestjs-refresh-token';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { login, refresh, send } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

describe.each(adapters)('proofs that others make, on %s', (adapter) => {
  let database: TestDatabase;
  let app: AuthApp;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    app = await createAuthApp(adapter, database, {
      clock: new Clock(),
      options: { binding: { dpop: { requireNonce: true } } },
    });
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  it('the package dpop: login, refresh, resource', async () => {
    const keys = await generateKeyPair('ES256');
    const asking = await generateProof(keys, `${app.url}/auth/login`, 'POST');
    const nonce = (await login(app.url, ALICE, { dpop: asking })).headers.get('dpop-nonce')!;
    const proof = async (method: string, path: string, accessToken?: string) => ({
      dpop: await generateProof(keys, app.url + path, method, nonce, accessToken),
    });
    const { body } = await login(app.url, ALICE, await proof('POST', '/auth/login'));
    expect(body.token_type).toBe('DPoP');
    const { body: next } = await refresh(app.url, body.refresh_token, await proof('POST', '/auth/refresh'));
    const headers = {
      authorization: `DPoP ${next.access_token}`,
      ...(await proof('GET', '/auth/me', next.access_token)),
    };
    expect((await send('GET', `${app.url}/auth/me`, { headers })).status).toBe(200);
  });

  it('oauth4webapi: asks, hears of the nonce, and asks again; refreshes, and asks for a resource', async () => {
    const server: oauth.AuthorizationServer = { issuer: app.url, token_endpoint: `${app.url}/auth/refresh` };
    const client: oauth.Client = { client_id: 'default' };
    const options = { [oauth.allowInsecureRequests]: true };
    const keys = await oauth.generateKeyPair('ES256');
    /** With one more try, once the server has given its nonce. */
    const persistent = async <T>(ask: () => Promise<T>): Promise<T> => {
      const refused: unknown = await ask().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(oauth.isDPoPNonceError(refused)).toBe(true);
      return ask();
    };

    const proof = (nonce?: string) => generateProof(keys, `${app.url}/auth/login`, 'POST', nonce);
    const nonce = (await login(app.url, ALICE, { dpop: await proof() })).headers.get('dpop-nonce')!;
    const { body } = await login(app.url, ALICE, { dpop: await proof(nonce) });

    const DPoP = oauth.DPoP(client, keys);
    const refreshed = await persistent(async () => {
      const answer = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), body.refresh_token, {
        DPoP,
        ...options,
      });
      return oauth.processRefreshTokenResponse(server, client, answer);
    });
    expect(refreshed.token_type).toBe('dpop');

    const resource = oauth.DPoP(client, keys);
    const { status } = await persistent(() =>
      oauth.protectedResourceRequest(refreshed.access_token, 'GET', new URL(`${app.url}/auth/me`), undefined, null, {
        DPoP: resource,
        ...options,
      }),
    );
    expect(status).toBe(200);
  });
});
