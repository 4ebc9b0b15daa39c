import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { AuthGuard } from '@nestjs/passport';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { describe, expect, test } from 'vitest';
import { KeyRing } from '../../src/auth/common/crypto/key-ring.js';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { bearer, cookieHeader, refresh, send } from '../support/http.js';
import { claimsOf, listening, signIn } from '../support/listening.js';

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** Signed with the very key of the server: what is refused then is refused for its content. */
function signedByUs(app: AuthApp, header: object, claims: object, digest = 'sha256'): string {
  const { accessToken } = app.module.get(KeyRing, { strict: false }).current;
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac(digest, accessToken).update(input).digest('base64url')}`;
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = publicKey.export({ format: 'jwk' });

/** What is wrong with the header, with the key that signs being ours. */
const wrongHeaders: Record<string, (ours: Record<string, unknown>) => object> = {
  'alg HS512': (ours) => ({ ...ours, alg: 'HS512' }),
  'alg RS256': (ours) => ({ ...ours, alg: 'RS256' }),
  'alg none': (ours) => ({ ...ours, alg: 'none' }),
  'alg as an array': (ours) => ({ ...ours, alg: ['HS256'] }),
  'typ JWT': (ours) => ({ ...ours, typ: 'JWT' }),
  'typ missing': ({ typ: _, ...rest }) => rest,
  'kid missing': ({ kid: _, ...rest }) => rest,
  'kid unknown': (ours) => ({ ...ours, kid: 'AAAA' }),
  'kid a path': (ours) => ({ ...ours, kid: '../../../../dev/null' }),
  jku: (ours) => ({ ...ours, jku: 'https://evil.example/jwks' }),
  x5u: (ours) => ({ ...ours, x5u: 'https://evil.example/cert' }),
  jwk: (ours) => ({ ...ours, jwk }),
  'crit of something unknown': (ours) => ({ ...ours, crit: ['exp', 'unknown'], unknown: true }),
  'crit empty': (ours) => ({ ...ours, crit: [] }),
};

const wrongClaims: Record<string, object> = {
  'another issuer': { iss: 'https://evil.example' },
  'the issuer with a slash': { iss: 'https://auth.example/' },
  'the issuer in an array': { iss: ['https://auth.example'] },
  'no issuer': { iss: undefined },
  'another audience': { aud: 'https://other.example' },
  'the audience with a slash': { aud: 'https://api.example/' },
  'an array of other audiences': { aud: ['https://other.example', 'https://api.example.evil'] },
  'no audience': { aud: undefined },
  'a time before which it is not valid': { nbf: 4_000_000_000 },
};

/** What no claim may be. */
const odd: Record<string, unknown[]> = {
  sub: [undefined, null, '', 7, ['user-alice'], {}],
  client_id: [undefined, null, 7, ['web']],
  iat: [undefined, null, '1', 1.5],
  exp: [undefined, null, '', '9999999999', 9e99, -1, true, [9_999_999_999], {}],
  jti: [undefined, null, '', 7],
  auth_time: [undefined, null, '9999999999', 9e99, {}],
  act: [null, '', 'user-admin', {}, [], { sub: '' }, { sub: 7 }, { sub: 'user-admin', act: { sub: 'user-root' } }],
  sid: [undefined, null, '', 7, [], {}],
  gen: [undefined, null, '', '9', 9e99, -1, 0.5, [9], {}],
  scope: [undefined, null, 7, ['read'], {}],
  roles: [undefined, null, 'admin', ['user', null], [['admin']], { 0: 'admin', length: 1 }],
  permissions: [undefined, null, 'users:write', [7], {}],
  cnf: [null, {}, [], 'jkt', { jkt: '' }, { jkt: 7 }, { jkt: null }, { kid: 'a key that this server cannot check' }],
};
for (const [claim, values] of Object.entries(odd)) {
  for (const value of values) wrongClaims[`${claim}: ${JSON.stringify(value) ?? 'missing'}`] = { [claim]: value };
}

/** `AuthGuard('nrt-jwt')` of Passport, next to the guard of the library. */
@Controller('passport')
class PassportController {
  @Get()
  @UseGuards(AuthGuard('nrt-jwt'))
  get() {
    return {};
  }
}

for (const adapter of adapters) {
  describe(`a forged access token (${adapter})`, () => {
    const app = listening(adapter, {
      controllers: [PassportController],
      options: { accessToken: { issuer: 'https://auth.example', audience: 'https://api.example' } },
    });
    const statusOf = async (path: string, token: string) =>
      (await send('GET', `${app.url}${path}`, { headers: bearer(token) })).status;
    const expectRefused = async (token: string) => {
      const answer = await send('GET', `${app.url}/auth/me`, { headers: bearer(token) });
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
      expect(await statusOf('/passport', token)).toBe(401);
    };
    const real = async () => {
      const { accessToken } = await signIn(app);
      const header = JSON.parse(Buffer.from(accessToken.split('.')[0], 'base64url').toString()) as Record<
        string,
        unknown
      >;
      return { accessToken, header, claims: claimsOf(accessToken) };
    };

    test('is taken where nothing is wrong with it: the forger of these tests is good', async () => {
      const { header, claims } = await real();
      const token = signedByUs(app, header, { ...claims, roles: ['forged'] });
      expect(await statusOf('/auth/me', token)).toBe(200);
      expect(await statusOf('/passport', token)).toBe(200);
    });

    test.each(Object.keys(wrongHeaders))('with our signature, but %s, is refused', async (name) => {
      const { header, claims } = await real();
      const digest = name === 'alg HS512' ? 'sha512' : 'sha256';
      await expectRefused(signedByUs(app, wrongHeaders[name](header), claims, digest));
    });

    test.each(Object.keys(wrongClaims))('with our signature, but %s, is refused', async (name) => {
      const { header, claims } = await real();
      await expectRefused(signedByUs(app, header, { ...claims, ...wrongClaims[name] }));
    });

    test('with no signature, or one by another algorithm or key, is refused', async () => {
      const { header, claims } = await real();
      const none = `${encode({ ...header, alg: 'none' })}.${encode(claims)}`;
      const rsInput = `${encode({ ...header, alg: 'RS256' })}.${encode(claims)}`;
      const pem = publicKey.export({ format: 'pem', type: 'spki' });
      const hsInput = `${encode(header)}.${encode(claims)}`;
      for (const token of [
        `${none}.`,
        none,
        `${encode(header)}.${encode(claims)}.`,
        `${rsInput}.${sign('sha256', Buffer.from(rsInput), privateKey).toString('base64url')}`,
        `${hsInput}.${createHmac('sha256', pem).update(hsInput).digest('base64url')}`,
        `${hsInput}.${createHmac('sha256', '').update(hsInput).digest('base64url')}`,
      ]) {
        await expectRefused(token);
      }
    });

    test('that has been changed in any one character is refused', async () => {
      const { accessToken } = await real();
      expect(await statusOf('/auth/me', accessToken)).toBe(200);
      for (let at = 0; at < accessToken.length; at += 7) {
        const changed = accessToken.slice(0, at) + (accessToken[at] === 'A' ? 'B' : 'A') + accessToken.slice(at + 1);
        expect(await statusOf('/auth/me', changed), `at ${at}`).toBe(401);
      }
      const last = accessToken.slice(0, -1) + String.fromCharCode(accessToken.charCodeAt(accessToken.length - 1) + 1);
      for (const changed of [`${accessToken}=`, `${accessToken}A`, `${accessToken}.`, ` ${accessToken}.x`, last]) {
        expect(await statusOf('/auth/me', changed), changed.slice(-4)).toBe(401);
      }
    });
  });

  describe(`tokens of one kind in the place of the other (${adapter})`, () => {
    const app = listening(adapter);

    test('a refresh token opens no route', async () => {
      const { refreshToken } = await signIn(app);
      for (const [method, path] of [
        ['GET', 'me'],
        ['GET', 'sessions'],
        ['DELETE', 'sessions/7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77'],
        ['POST', 'logout-all'],
        ['POST', 'logout'],
      ]) {
        const answer = await send(method, `${app.url}/auth/${path}`, { headers: bearer(refreshToken) });
        expect(answer, path).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
      }
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test('an access token refreshes nothing, in the body or in the cookie, expired or not', async () => {
      const { accessToken } = await signIn(app);
      for (const wait of [0, 3_600_000]) {
        app.clock.advance(wait);
        for (const answer of [
          await refresh(app.url, accessToken),
          await refresh(app.url, undefined, cookieHeader(accessToken)),
        ]) {
          expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
        }
        expect((await refresh(app.url, undefined, bearer(accessToken))).status).toBe(400);
      }
    });
  });
}
