import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp, SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const FIVE_MINUTES = 5 * 60_000;

describe.each(adapters)('with server nonces required, on %s', (adapter) => {
  let database: TestDatabase;
  let app: AuthApp;
  let client: DpopClient;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    app = await createAuthApp(adapter, database, { options: { binding: { dpop: { requireNonce: true } } } });
    client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const currentNonce = async () => (await client.login(ALICE)).headers.get('dpop-nonce')!;

  it('a login without one is told which', async () => {
    const asked = await client.login(ALICE);
    expect([asked.status, asked.body.error]).toEqual([400, 'use_dpop_nonce']);
    const nonce = asked.headers.get('dpop-nonce')!;
    expect(nonce).toMatch(/^[\w-]{22}$/);
    const { status, headers } = await client.login(ALICE, { nonce });
    expect(status).toBe(200);
    expect(headers.get('dpop-nonce')).toBeNull();
  });

  it('a refresh without one, or with one of anybody’s making, uses up nothing', async () => {
    const nonce = await currentNonce();
    const { body } = await client.login(ALICE, { nonce });
    for (const claims of [{}, { nonce: 'of-my-own-making' }, { nonce: '' }, { nonce: 1 }]) {
      const asked = await client.refresh(body.refresh_token, claims);
      expect([asked.status, asked.body.error, asked.headers.get('dpop-nonce')]).toEqual([400, 'use_dpop_nonce', nonce]);
    }
    expect((await client.refresh(body.refresh_token, { nonce })).status).toBe(200);
  });

  it('a resource asks with 401 and a challenge', async () => {
    const nonce = await currentNonce();
    const { body } = await client.login(ALICE, { nonce });
    const asked = await client.get('/auth/me', body.access_token);
    expect([asked.status, asked.body.error]).toEqual([401, 'use_dpop_nonce']);
    expect(asked.headers.get('www-authenticate')).toBe('DPoP error="use_dpop_nonce"');
    expect(asked.headers.get('dpop-nonce')).toBe(nonce);
    expect((await client.get('/auth/me', body.access_token, { nonce })).status).toBe(200);
  });

  it('the nonce changes: the one before is accepted, and answered with the next; an older one is not', async () => {
    const nonce = await currentNonce();
    const { body } = await client.login(ALICE, { nonce });

    app.clock.advance(FIVE_MINUTES);
    const refreshed = await client.refresh(body.refresh_token, { nonce });
    expect(refreshed.status).toBe(200);
    const next = refreshed.headers.get('dpop-nonce')!;
    expect(next).not.toBe(nonce);
    const served = await client.get('/auth/me', refreshed.body.access_token, { nonce });
    expect([served.status, served.headers.get('dpop-nonce')]).toEqual([200, next]);

    app.clock.advance(FIVE_MINUTES);
    expect((await client.refresh(refreshed.body.refresh_token, { nonce })).body.error).toBe('use_dpop_nonce');
    expect((await client.refresh(refreshed.body.refresh_token, { nonce: next })).status).toBe(200);
  });

  it('another instance knows the same nonces, also while the secret is being changed', async () => {
    const nonce = await currentNonce();
    const other = await createAuthApp(adapter, database, {
      options: {
        secret: ['x3Kp-a-new-secret-7Yb2LqW9zR4mT8vN1cF6', SECRET],
        binding: { dpop: { requireNonce: true } },
      },
      clock: app.clock,
    });
    const elsewhere = new DpopClient(client.key, other.url, () => app.clock.now());
    const { status, headers } = await elsewhere.login(ALICE, { nonce });
    expect(status).toBe(200);
    expect(headers.get('dpop-nonce')).toMatch(/^[\w-]{22}$/);
    await other.close();
  });
});
