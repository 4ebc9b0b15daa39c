import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { login, refresh, send } from '../support/http.js';
import { generateIdentity } from '../support/tls.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const SECRET = 'binding-demo-Zp2vQ7mB4nT8wL1cR6yH3jF5';

describe('the demo', () => {
  let database: TestDatabase;
  let demo: DemoProcess;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    demo = await startDemo({ DATABASE_URL: database.url!, AUTH_SECRET: SECRET, TRUST_PROXY: 'loopback' });
  });
  afterAll(async () => {
    await demo?.stop();
    await database?.drop();
  });

  it('binds to a key', async () => {
    const client = new DpopClient(await generateProofKey(), demo.url, Date.now);
    const { body } = await client.login(ALICE);
    expect(body.token_type).toBe('DPoP');
    expect((await refresh(demo.url, body.refresh_token)).status).toBe(401);
    const { body: next } = await client.refresh(body.refresh_token);
    expect((await client.get('/profile', next.access_token)).status).toBe(200);
  });

  it('binds to a client nonce', async () => {
    const { body } = await login(demo.url, { ...ALICE, bind: 'nonce' });
    const { refresh_token: token, client_nonce: nonce } = body;
    expect((await refresh(demo.url, token)).status).toBe(401);
    const answer = await send('POST', `${demo.url}/auth/refresh`, {
      body: { refresh_token: token, client_nonce: nonce },
    });
    expect(answer.status).toBe(200);
  });

  it('binds to the client certificate that a trusted proxy names', async () => {
    const { cert } = await generateIdentity();
    const headers = { 'x-forwarded-client-cert': encodeURIComponent(cert) };
    const { body } = await login(demo.url, { ...ALICE, bind: 'tls' }, headers);
    expect((await refresh(demo.url, body.refresh_token)).status).toBe(401);
    expect((await refresh(demo.url, body.refresh_token, headers)).status).toBe(200);
  });

  it('asks for a nonce in proofs, where it is told to', async () => {
    const asking = await startDemo({ DATABASE_URL: database.url!, AUTH_SECRET: SECRET, DPOP_NONCE: 'required' });
    const client = new DpopClient(await generateProofKey(), asking.url, Date.now);
    const asked = await client.login(ALICE);
    expect([asked.status, asked.body.error]).toEqual([400, 'use_dpop_nonce']);
    expect((await client.login(ALICE, { nonce: asked.headers.get('dpop-nonce')! })).status).toBe(200);
    await asking.stop();
  });
});
