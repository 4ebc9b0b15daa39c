import { Controller, Get, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { type AuthenticatedUser, CurrentUser, JwtAuthGuard } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey, hashOf } from '../support/dpop.js';
import { bearer, login, send } from '../support/http.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

@Controller('resource')
@UseGuards(JwtAuthGuard)
class ResourceController {
  @Get()
  resource(@CurrentUser() { id, confirmation }: AuthenticatedUser) {
    return { id, confirmation };
  }
}

/** As hosts compose it that use Passport. */
@Controller('passport-resource')
@UseGuards(AuthGuard('nrt-jwt'))
class PassportResourceController {
  @Get()
  resource(@CurrentUser() { id, confirmation }: AuthenticatedUser) {
    return { id, confirmation };
  }
}

describe.each(adapters)('a resource, on %s', (adapter) => {
  let database: TestDatabase;
  let app: AuthApp;
  let client: DpopClient;
  let accessToken: string;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    app = await createAuthApp(adapter, database, { controllers: [ResourceController, PassportResourceController] });
    client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
    accessToken = (await client.login(ALICE)).body.access_token;
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  describe.each(['/resource', '/passport-resource'])('%s', (path) => {
    const get = (headers: Record<string, string>) =>
      send<{ error: string; id: string }>('GET', app.url + path, { headers });
    const dpop = (dpop: string) => ({ authorization: `DPoP ${accessToken}`, dpop });
    const ath = () => ({ ath: hashOf(accessToken) });

    it('serves who holds the key', async () => {
      const { status, body } = await client.get(path, accessToken);
      expect(status).toBe(200);
      expect(body).toEqual({ id: 'user-alice', confirmation: { jkt: client.key.thumbprint } });
    });

    it.each([
      ['presented as a bearer token', async () => bearer(accessToken), 'invalid_token'],
      [
        'presented as a bearer token, with a proof',
        async () => ({ ...bearer(accessToken), dpop: await client.proof('GET', path, ath()) }),
        'invalid_token',
      ],
      ['without a proof', async () => ({ authorization: `DPoP ${accessToken}` }), 'invalid_dpop_proof'],
      [
        'with a proof of another key',
        async () => {
          const other = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
          return dpop(await other.proof('GET', path, ath()));
        },
        'invalid_dpop_proof',
      ],
      ['with a proof that has no ath', async () => dpop(await client.proof('GET', path)), 'invalid_dpop_proof'],
      [
        'with a proof for another access token',
        async () => dpop(await client.proof('GET', path, { ath: hashOf('another') })),
        'invalid_dpop_proof',
      ],
      [
        'with a proof for another method',
        async () => dpop(await client.proof('POST', path, ath())),
        'invalid_dpop_proof',
      ],
      [
        'with a proof for another resource',
        async () => dpop(await client.proof('GET', `${path}/2`, ath())),
        'invalid_dpop_proof',
      ],
      [
        'with a proof of yesterday',
        async () => dpop(await client.proof('GET', path, { ...ath(), iat: 1 })),
        'invalid_dpop_proof',
      ],
    ])('refuses a bound token %s', async (_, headers, error) => {
      const refused = await get(await headers());
      expect(refused.status).toBe(401);
      expect(refused.body.error).toBe(error);
      if (path === '/resource' || adapter === 'express') {
        expect(refused.headers.get('www-authenticate')).toMatch(
          error === 'invalid_token' ? /^(Bearer|DPoP) error="invalid_token"$/ : /^DPoP error="invalid_dpop_proof"$/,
        );
      }
    });

    it('refuses a proof the second time', async () => {
      const headers = dpop(await client.proof('GET', path, ath()));
      expect((await get(headers)).status).toBe(200);
      expect((await get(headers)).status).toBe(401);
    });

    it('refuses a bearer token presented as bound, even with a proof for it', async () => {
      const { body } = await login(app.url, ALICE);
      expect((await client.get(path, body.access_token)).status).toBe(401);
      expect((await get(bearer(body.access_token))).status).toBe(200);
    });
  });

  it('names the scheme of the token that it refuses', async () => {
    const { body } = await client.login(ALICE);
    app.clock.advance(15 * 60_000);
    const refused = await client.get('/auth/me', body.access_token);
    expect(refused.body.error).toBe('token_expired');
    expect(refused.headers.get('www-authenticate')).toBe('DPoP error="invalid_token"');
    accessToken = (await client.login(ALICE)).body.access_token;
  });

  it('signs out who holds the key, and nobody else', async () => {
    const { body } = await client.login(ALICE);
    const logout = (headers: Record<string, string>) => send('POST', `${app.url}/auth/logout`, { headers });
    const authorization = `DPoP ${body.access_token}`;
    expect((await logout(bearer(body.access_token))).status).toBe(401);
    expect((await logout({ authorization })).status).toBe(401);
    expect((await client.get('/auth/me', body.access_token)).status).toBe(200);

    const dpop = await client.proof('POST', '/auth/logout', { ath: hashOf(body.access_token) });
    expect((await logout({ authorization, dpop })).status).toBe(204);
    expect((await client.get<{ error: string }>('/auth/me', body.access_token)).body.error).toBe('token_revoked');
  });

  it('asks for the proof if the access token comes in the field token, too', async () => {
    const { body } = await client.login(ALICE);
    const logout = (headers: Record<string, string>) =>
      send('POST', `${app.url}/auth/logout`, { headers, body: { token: body.access_token } });
    const refused = await logout({});
    expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_dpop_proof' } });
    expect(refused.headers.get('www-authenticate')).toBe('DPoP error="invalid_dpop_proof"');
    expect((await client.get('/auth/me', body.access_token)).status).toBe(200);

    const dpop = await client.proof('POST', '/auth/logout', { ath: hashOf(body.access_token) });
    expect((await logout({ dpop })).status).toBe(204);
    expect((await client.get<{ error: string }>('/auth/me', body.access_token)).body.error).toBe('token_revoked');
  });
});

/** Guards for all routes, for a class, and for one of its routes, of both makes. */
@Controller('often-guarded')
@UseGuards(JwtAuthGuard)
class OftenGuardedController {
  @Get()
  @UseGuards(AuthGuard('nrt-jwt'), JwtAuthGuard)
  resource() {
    return { secret: true };
  }
}

describe.each(adapters)('with a guard above every route, on %s', (adapter) => {
  it('one proof will do for all guards of a request, and for that request alone', async () => {
    const database = await databaseNamed('sqljs').create();
    const app = await createAuthApp(adapter, database, {
      controllers: [OftenGuardedController],
      providers: [{ provide: APP_GUARD, useExisting: JwtAuthGuard }],
    });
    const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
    const { body } = await client.login(ALICE);
    for (const path of ['/often-guarded', '/auth/me', '/auth/sessions']) {
      expect((await client.get(path, body.access_token)).status).toBe(200);
    }
    const dpop = await client.proof('GET', '/often-guarded', { ath: hashOf(body.access_token) });
    const headers = { authorization: `DPoP ${body.access_token}`, dpop };
    const statuses = [1, 2].map(() => send('GET', `${app.url}/often-guarded`, { headers }));
    expect((await Promise.all(statuses)).map(({ status }) => status).sort()).toEqual([200, 401]);

    const logoutAll = await client.proof('POST', '/auth/logout-all', { ath: hashOf(body.access_token) });
    expect(
      (await send('POST', `${app.url}/auth/logout-all`, { headers: { ...headers, dpop: logoutAll } })).status,
    ).toBe(204);
    await app.close();
  });
});

describe('a resource whose proofs are checked for replay at refresh alone', () => {
  it('writes nothing', async () => {
    const database = await databaseNamed('postgres').create();
    const app = await createAuthApp('express', database, {
      options: { binding: { dpop: { checkReplayAtResources: false } } },
    });
    const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
    const { access_token: token } = (await client.login(ALICE)).body;
    const used = () => app.dataSource.query('SELECT id FROM used_dpop_proofs');
    const before = await used();
    expect((await client.get('/auth/me', token)).status).toBe(200);
    expect(await used()).toEqual(before);
    await app.close();
    await database.drop();
  });
});
