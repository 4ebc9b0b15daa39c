import type { BindingKind, BindingOptions } from 'nestjs-refresh-token/binding';
import { afterEach, describe, expect, it } from 'vitest';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { login, send } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const ADMIN = { ...ALICE, username: 'admin', password: 'admin-password' };

describe('bindings that are', () => {
  let app: AuthApp;
  let client: DpopClient;
  afterEach(() => app.close());

  async function start(binding: Partial<BindingOptions>): Promise<void> {
    app = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      options: { binding },
      configure: (host) => host.useLogger(false),
    });
    client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
  }

  it('required of all: a login without a proof, or a certificate, begins no session', async () => {
    for (const kind of ['dpop', 'tls'] as BindingKind[]) {
      await start({ required: [kind] });
      const { status, body } = await login(app.url, ALICE);
      expect([status, body.error]).toEqual([400, 'invalid_request']);
      expect(await app.service.list('user-alice')).toEqual([]);
      if (kind === 'dpop') {
        expect((await client.login(ALICE)).status).toBe(200);
        await app.close();
      }
    }
  });

  it('required of all: a client nonce is given unasked', async () => {
    await start({ required: ['nonce'] });
    const { body } = await login(app.url, ALICE);
    const refresh = (nonce?: string) =>
      send('POST', `${app.url}/auth/refresh`, { body: { refresh_token: body.refresh_token, client_nonce: nonce } });
    expect((await refresh()).status).toBe(401);
    expect((await refresh(body.client_nonce)).status).toBe(200);
  });

  it('several: each must hold', async () => {
    await start({ required: ['nonce'] });
    const { body } = await client.login(ALICE);
    expect(body.token_type).toBe('DPoP');
    const refresh = async (proven: boolean, nonce?: string) =>
      send('POST', `${app.url}/auth/refresh`, {
        headers: proven ? { dpop: await client.proof('POST', '/auth/refresh') } : {},
        body: { refresh_token: body.refresh_token, client_nonce: nonce },
      });
    expect((await refresh(true)).status).toBe(401);
    expect((await refresh(false, body.client_nonce)).status).toBe(401);
    expect((await refresh(true, body.client_nonce)).status).toBe(200);
  });

  it('required of some users, by a hook', async () => {
    await start({ requiredFor: async ({ roles }) => (roles.includes('admin') ? ['dpop'] : []) });
    expect((await login(app.url, ALICE)).status).toBe(200);
    expect((await login(app.url, ADMIN)).status).toBe(400);
    expect((await client.login(ADMIN)).body.token_type).toBe('DPoP');
  });

  it.each<[string, () => unknown]>([
    ['fails', () => Promise.reject(new Error('the hook is broken'))],
    [
      'throws',
      () => {
        throw new Error('the hook is broken');
      },
    ],
    ['gives a kind that there is not', () => ['dpop', 'DPoP']],
    ['gives no list', () => 'nonce'],
    ['gives nothing', () => undefined],
  ])('asked for by a hook that %s: 503, and no session', async (_, requiredFor) => {
    await start({ requiredFor: requiredFor as BindingOptions['requiredFor'] });
    expect(await login(app.url, ALICE)).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(await app.service.list('user-alice')).toEqual([]);
  });

  it('not allowed: refused where asked for by name, and a proof is passed over', async () => {
    await start({ allowed: [] });
    for (const bind of ['nonce', 'tls'] as const) {
      const { status, body } = await login(app.url, { ...ALICE, bind });
      expect([status, body.error]).toEqual([400, 'invalid_request']);
    }
    expect((await client.login(ALICE)).body.token_type).toBe('Bearer');
  });

  it.each([['dpop'], ['fingerprint'], [''], [1], [['nonce']], [{}]])('unknown (%j): refused', async (bind) => {
    await start({});
    const { status, body } = await login(app.url, { ...ALICE, bind: bind as 'nonce' });
    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });
});
