import { decodeJwt, exportJWK, generateSecret, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey, type ProofKey, signProof } from '../support/dpop.js';
import { type Answer, type AuthBody, login, refresh } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

describe.each(adapters)('a DPoP proof, on %s', (adapter) => {
  let database: TestDatabase;
  let app: AuthApp;
  let key: ProofKey;
  let client: DpopClient;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    app = await createAuthApp(adapter, database);
    key = await generateProofKey();
    client = new DpopClient(key, app.url, () => app.clock.now());
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const seconds = () => Math.floor(app.clock.now() / 1000);
  const proof = (claims?: Record<string, unknown>, header?: Record<string, unknown>) =>
    client.proof('POST', '/auth/refresh', claims, header);

  it('binds the session to its key', async () => {
    const { status, body } = await client.login(ALICE);
    expect(status).toBe(200);
    expect(body.token_type).toBe('DPoP');
    expect(decodeJwt(body.access_token).cnf).toEqual({ jkt: key.thumbprint });

    const { status: refreshed, body: next } = await client.refresh(body.refresh_token);
    expect(refreshed).toBe(200);
    expect(next.token_type).toBe('DPoP');
    expect(decodeJwt(next.access_token).cnf).toEqual({ jkt: key.thumbprint });
  });

  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'])(
    'may be signed with %s',
    async (algorithm) => {
      const other = new DpopClient(await generateProofKey(algorithm), app.url, () => app.clock.now());
      const { body } = await other.login(ALICE);
      expect(body.token_type).toBe('DPoP');
      expect((await other.refresh(body.refresh_token)).status).toBe(200);
    },
  );

  // RFC 9449 §4.3, one by one.
  const bad: [name: string, make: () => Promise<string> | string][] = [
    ['that is empty', () => ''],
    ['that is not a JWT', () => 'not.a.jwt'],
    ['of more than one header', async () => `${await proof()}, ${await proof()}`],
    ['that is far too long', () => proof({ padding: 'x'.repeat(8192) })],
    ['of another type', () => proof({}, { typ: 'jwt' })],
    ['without a type', () => proof({}, { typ: undefined })],
    ['with a signature that was tampered with', async () => (await proof()).replace(/.{6}$/, 'AAAAAA')],
    [
      'with claims that were tampered with',
      async () => {
        const [header, , signature] = (await proof()).split('.');
        const claims = { jti: 'another', htm: 'POST', htu: `${app.url}/auth/refresh`, iat: seconds() };
        return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      },
    ],
    [
      'that is not signed',
      async () => {
        const [, claims] = (await proof()).split('.');
        const header = { alg: 'none', typ: 'dpop+jwt', jwk: key.jwk };
        return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${claims}.`;
      },
    ],
    [
      'with a symmetric algorithm',
      async () => {
        const secret = await generateSecret('HS256', { extractable: true });
        return new SignJWT({ jti: 'jti', htm: 'POST', htu: `${app.url}/auth/refresh`, iat: seconds() })
          .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: await exportJWK(secret) })
          .sign(secret);
      },
    ],
    [
      'with an algorithm that is not on the list',
      async () => {
        const other = new DpopClient(await generateProofKey('PS512'), app.url, () => app.clock.now());
        return other.proof('POST', '/auth/refresh');
      },
    ],
    ['without a jwk', () => proof({}, { jwk: undefined })],
    ['with a jwk that is null', () => proof({}, { jwk: null })],
    ['with a jwk that is a list', () => proof({}, { jwk: [key.jwk] })],
    ['with an invalid jwk', () => proof({}, { jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } })],
    ['with a private jwk', async () => proof({}, { jwk: await exportJWK(key.privateKey) })],
    ['with the jwk of another key', async () => proof({}, { jwk: (await generateProofKey()).jwk })],
    ['with a header that must be understood', () => proof({}, { crit: ['unknown'], unknown: true })],
    ['without jti', () => proof({ jti: undefined })],
    ['with an empty jti', () => proof({ jti: '' })],
    ['with a jti that is a number', () => proof({ jti: 1 })],
    ['with an endless jti', () => proof({ jti: 'x'.repeat(257) })],
    ['without htm', () => proof({ htm: undefined })],
    ['for another method', () => proof({ htm: 'GET' })],
    ['for the method in small letters', () => proof({ htm: 'post' })],
    ['without htu', () => proof({ htu: undefined })],
    ['with an htu that is not a URL', () => proof({ htu: '/auth/refresh' })],
    ['for another path', () => proof({ htu: `${app.url}/auth/login` })],
    ['for another host', () => proof({ htu: 'http://other.example/auth/refresh' })],
    ['for another port', () => proof({ htu: 'http://127.0.0.1:1/auth/refresh' })],
    ['for another scheme', () => proof({ htu: `${app.url.replace('http', 'https')}/auth/refresh` })],
    ['without iat', () => proof({ iat: undefined })],
    ['with an iat that is a text', () => proof({ iat: String(seconds()) })],
    ['with an iat that is not a number', () => proof({ iat: null })],
    ['that is too old', () => proof({ iat: seconds() - 61 })],
    ['of the future', () => proof({ iat: seconds() + 61 })],
    ['that has expired', () => proof({ exp: seconds() - 1 })],
    ['that is not valid yet', () => proof({ nbf: seconds() + 30 })],
  ];

  it.each(bad)('%s is refused, and uses up nothing', async (_, make) => {
    const { body } = await client.login(ALICE);
    const refused = await refresh(app.url, body.refresh_token, { dpop: await make() });
    expect(refused.status).toBe(400);
    expect(refused.body.error).toBe('invalid_dpop_proof');
    expect(refused.headers.get('cache-control')).toBe('no-store');

    const { status, body: next } = await client.refresh(body.refresh_token);
    expect(status).toBe(200);
    expect(decodeJwt(next.access_token).gen).toBe(1);
  });

  it.each([
    ['of another path', () => client.proof('POST', '/auth/refresh')],
    ['of the past', () => client.proof('POST', '/auth/login', { iat: seconds() - 61 })],
    ['that is not a JWT', () => 'not.a.jwt'],
  ])('%s begins no session', async (_, make) => {
    const before = (await app.service.list('user-alice')).length;
    const refused = await login(app.url, ALICE, { dpop: await make() });
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_dpop_proof']);
    expect(await app.service.list('user-alice')).toHaveLength(before);
  });

  it.each([
    ['ten seconds old', () => ({ iat: seconds() - 10 })],
    ['ten seconds ahead', () => ({ iat: seconds() + 10 })],
    ['of a clock that knows fractions of a millisecond', () => ({ iat: seconds() - 0.0001 })],
    ['with a query and a fragment in htu', () => ({ htu: `${app.url}/auth/refresh?a=b#c` })],
    ['with an htu in another spelling', () => ({ htu: `HTTP://127.0.0.1:${new URL(app.url).port}/%61uth/refresh` })],
    ['with claims that nobody knows', () => ({ more: { than: 'needed' } })],
  ])('%s is accepted', async (_, claims) => {
    const { body } = await client.login(ALICE);
    expect((await client.refresh(body.refresh_token, claims())).status).toBe(200);
  });

  it('is good once', async () => {
    const { body } = await client.login(ALICE);
    const dpop = await proof();
    const { body: next } = await refresh(app.url, body.refresh_token, { dpop });
    const refused = await refresh(app.url, next.refresh_token, { dpop });
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_dpop_proof']);
    const { session_id: sessionId } = body;
    expect(app.events.at(-1)).toMatchObject({
      type: 'binding_failed',
      reason: 'dpop_replayed',
      alert: true,
      sessionId,
    });
    expect((await client.refresh(next.refresh_token)).status).toBe(200);
  });

  it('is good once at login', async () => {
    const dpop = await client.proof('POST', '/auth/login');
    expect((await login(app.url, ALICE, { dpop })).status).toBe(200);
    const refused = await login(app.url, ALICE, { dpop });
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_dpop_proof']);
  });

  it('leaves no trace on the server where the refresh token is not the session’s, or the password is wrong', async () => {
    const used = async () => Number((await app.dataSource.query('SELECT count(*) AS n FROM used_dpop_proofs'))[0].n);
    const before = await used();
    await client.login({ ...ALICE, password: 'wrong' });
    await client.refresh(`nrt_${'A'.repeat(128)}`);
    const bearer = await login(app.url, ALICE);
    await client.refresh(bearer.body.refresh_token);
    expect(await used()).toBe(before);
  });

  const outcome = ({ status, headers, body }: Answer<AuthBody>) => ({
    status,
    type: headers.get('content-type'),
    body,
  });

  it.each([
    ['without a proof', (token: string) => refresh(app.url, token)],
    [
      'with the proof of another key',
      async (token: string) => new DpopClient(await generateProofKey(), app.url, () => app.clock.now()).refresh(token),
    ],
  ])('is never done without: a refresh %s is refused like any bad token, and the session lives', async (_, attempt) => {
    const { body } = await client.login(ALICE);
    const refused = await attempt(body.refresh_token);
    const unknown = await refresh(app.url, `nrt_${'A'.repeat(128)}`);
    expect(outcome(refused)).toEqual(outcome(unknown));
    expect(refused.status).toBe(401);
    expect(refused.body.error).toBe('invalid_grant');
    expect(app.events.at(-2)).toMatchObject({
      type: 'binding_failed',
      reason: 'dpop',
      alert: true,
      sessionId: body.session_id,
    });

    expect((await client.refresh(body.refresh_token)).status).toBe(200);
  });

  it('is known by its key, however that is written', async () => {
    const padded = { ...key, jwk: { ...key.jwk, x: `${key.jwk.x}=` } };
    const same = new DpopClient(padded, app.url, () => app.clock.now());
    const { body } = await same.login(ALICE);
    if (body.token_type === 'DPoP') expect((await client.refresh(body.refresh_token)).status).toBe(200);
    else expect(body.error).toBe('invalid_dpop_proof');
  });

  it('is as good as before where the server could not answer', async () => {
    const { body } = await client.login(ALICE);
    const dpop = await proof();
    const { loadUser } = app.users;
    app.users.loadUser = () => Promise.reject(new Error('the users are away'));
    app.app.useLogger(false);
    expect((await refresh(app.url, body.refresh_token, { dpop })).status).toBe(503);
    app.users.loadUser = loadUser;
    expect((await refresh(app.url, body.refresh_token, { dpop })).status).toBe(200);
  });

  it('does not change what a bearer session is', async () => {
    const { body } = await login(app.url, ALICE);
    expect(body.token_type).toBe('Bearer');
    const { status, body: next } = await client.refresh(body.refresh_token);
    expect(status).toBe(200);
    expect(next.token_type).toBe('Bearer');
    expect(decodeJwt(next.access_token).cnf).toBeUndefined();
  });

  it('tells nobody its key, its jti or itself', async () => {
    const dpop = await signProof(key, {
      htm: 'POST',
      htu: `${app.url}/auth/refresh`,
      iat: seconds() - 3600,
      jti: 'secret-jti',
    });
    const { body } = await client.login(ALICE);
    const refused = await refresh(app.url, body.refresh_token, { dpop });
    const told = JSON.stringify([refused.body, app.events]);
    for (const secret of [dpop, 'secret-jti', key.jwk.x!]) expect(told).not.toContain(secret);
  });
});
