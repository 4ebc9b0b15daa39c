import {
  AAL1,
  AAL2,
  AAL3,
  AuthConfigurationError,
  type AuthModuleOptions,
  type SessionTerms,
} from 'nestjs-refresh-token';
import { describe, expect, it, test } from 'vitest';
import { adapters, type AuthSetup, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';
import { cookieHeader, cookiesSet, login, refresh, send } from '../support/http.js';
import { claimsOf, DAY, HOUR, listening, MINUTE, SECOND } from '../support/listening.js';

const ALICE = { id: 'user-alice', roles: ['user'] };
const options: Partial<AuthModuleOptions> = {
  accessToken: { ttl: '20m' },
  purge: { interval: '0s', retention: '1d' },
  refreshToken: {
    ttl: '90d',
    idleTtl: '30d',
    clients: {
      browser: { ttl: '12h', idleTtl: '2h', persistent: false },
      app: { accessTokenTtl: '5m' },
    },
  },
};

describe('the lifetimes of one session', () => {
  onEveryDatabase({ options }, (host) => {
    const issue = (request: SessionTerms & { clientId?: string } = {}) => host().service.issue(ALICE, request);
    const isDead = (token: string) =>
      expect(host().service.refresh(token)).rejects.toMatchObject({ code: 'invalid_grant' });

    it('are those of the module, of the client, or of the sign-in: the nearest counts', async () => {
      const { service, clock } = host();
      const now = clock.now();
      await issue();
      await issue({ clientId: 'browser' });
      await issue({ clientId: 'browser', ttl: '1h' });
      await issue({ clientId: 'browser', ttl: '2d' });
      const ends = (await service.list(ALICE.id)).map(({ expiresAt }) => expiresAt - now);
      expect(ends.toSorted((a, b) => a - b)).toEqual([HOUR, 12 * HOUR, 2 * DAY, 90 * DAY]);
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
    });

    it('are never longer than those of the module', async () => {
      const { service, clock } = host();
      const { expiresIn, refreshTokenExpiresAt } = await issue({ ttl: '400d', idleTtl: '400d', accessTokenTtl: '24h' });
      const [{ expiresAt }] = await service.list(ALICE.id);
      expect([expiresAt, refreshTokenExpiresAt]).toEqual([clock.now() + 90 * DAY, clock.now() + 30 * DAY]);
      expect(expiresIn).toBe(20 * 60);
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
    });

    it('an idle time of its own ends a session, and a refresh in time does not', async () => {
      const { service, clock } = host();
      const [kept, left] = [await issue({ idleTtl: '1h' }), await issue({ idleTtl: '1h' })];
      clock.advance(HOUR - SECOND);
      const next = await service.refresh(kept.refreshToken);
      expect(next.refreshTokenExpiresAt).toBe(clock.now() + HOUR);
      clock.advance(SECOND);
      await isDead(left.refreshToken);
      expect((await service.list(ALICE.id)).map(({ id }) => id)).toEqual([kept.sessionId]);
      expect(await service.countLive()).toBe(1);
      clock.advance(HOUR);
      await isDead(next.refreshToken);
      expect(await service.countLive()).toBe(0);
      // Both rows have been dead for the retention time, though not by the idle time of the module.
      clock.advance(DAY);
      expect(await service.purge()).toBeGreaterThanOrEqual(2);
      expect(await service.refresh((await issue()).refreshToken)).toBeDefined();
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
    });

    it('no refresh extends its end', async () => {
      const { service, clock } = host();
      const end = clock.now() + HOUR;
      let { refreshToken } = await issue({ ttl: '1h' });
      for (let refreshed = 0; refreshed < 5; refreshed++) {
        clock.advance(11 * MINUTE);
        const issued = await service.refresh(refreshToken);
        expect(issued.refreshTokenExpiresAt).toBe(end);
        expect(claimsOf(issued.accessToken).exp).toBeLessThanOrEqual(end / SECOND);
        ({ refreshToken } = issued);
      }
      clock.advance(5 * MINUTE);
      await isDead(refreshToken);
    });

    it('access tokens live as long as its client or its sign-in says, after refreshes too', async () => {
      const { service } = host();
      for (const [request, seconds] of [
        [{ clientId: 'app' }, 300],
        [{ clientId: 'app', accessTokenTtl: '1m' }, 60],
        [{ accessTokenTtl: '10m' }, 600],
        [{}, 1200],
        // No access token outlives a session that nobody uses.
        [{ idleTtl: '3m' }, 180],
      ] as const) {
        const issued = await issue(request);
        expect(issued.expiresIn).toBe(seconds);
        expect((await service.refresh(issued.refreshToken)).expiresIn).toBe(seconds);
      }
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
    });

    it.each([
      { ttl: '1 day' },
      { ttl: '500d' },
      { idleTtl: 60 as never },
      { accessTokenTtl: '2d' },
      { persistent: 'yes' as never },
      { amr: 'pwd' as never },
      { amr: [] },
      { amr: ['two words'] },
      { amr: ['x'.repeat(256)] },
      { acr: '' },
      { acr: 'a b' },
      { acr: 5 as never },
    ])('what is no term is refused, and no session begins: %j', async (terms) => {
      await expect(issue(terms)).rejects.toBeInstanceOf(AuthConfigurationError);
      expect(await host().service.list(ALICE.id)).toEqual([]);
    });

    it('the levels of NIST are terms', async () => {
      expect([AAL1, AAL2, AAL3]).toEqual([
        { ttl: '30d', idleTtl: '30d' },
        { ttl: '24h', idleTtl: '1h' },
        { ttl: '12h', idleTtl: '15m' },
      ]);
      const { refreshTokenExpiresAt, expiresIn } = await issue(AAL3);
      expect([refreshTokenExpiresAt, expiresIn]).toEqual([host().clock.now() + 15 * MINUTE, 15 * 60]);
    });
  });
});

for (const adapter of adapters) {
  describe(`a cookie that ends with the browser (${adapter})`, () => {
    const app = listening(adapter, { options });
    const ALICE_IN = { username: 'alice', password: 'alice-password' };
    const maxAges = (answer: Awaited<ReturnType<typeof login>>) => cookiesSet(answer).map(({ maxAge }) => maxAge);

    test.each([
      ['the client says so', { ...ALICE_IN, client_id: 'browser' }],
      ['the login asks for it', { ...ALICE_IN, persistent: false }],
      [
        'both secrets of a session that is bound to a nonce',
        { ...ALICE_IN, persistent: false, bind: 'nonce' as const },
      ],
    ])('%s: without Max-Age, at the login and at each refresh', async (_, credentials) => {
      const first = await login(app.url, credentials);
      expect(first.status).toBe(200);
      expect(new Set(maxAges(first))).toEqual(new Set([undefined]));
      const cookie = cookiesSet(first)
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ');
      const next = await refresh(app.url, undefined, { cookie });
      expect(next.status).toBe(200);
      expect(new Set(maxAges(next))).toEqual(new Set([undefined]));
      expect(next.headers.getSetCookie().join()).not.toContain('Expires');
    });

    test('a login cannot ask for more than the host gives', async () => {
      const answer = await login(app.url, { ...ALICE_IN, client_id: 'browser', ...{ persistent: true } });
      expect(maxAges(answer)).toEqual([undefined]);
      const asText = await send('POST', `${app.url}/auth/login`, { body: { ...ALICE_IN, persistent: 'false' } });
      expect(asText).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    });

    test('"remember me" is the decision of the user provider, and a sign-out removes either cookie', async () => {
      const remembered = { id: 'user-alice', roles: [], sessionTerms: { ttl: '60d', persistent: true } };
      app.users.users.set('alice', remembered);
      const answer = await login(app.url, { ...ALICE_IN, client_id: 'browser' });
      expect(maxAges(answer)).toEqual([(2 * HOUR) / SECOND]);
      const [{ value }] = cookiesSet(answer);
      const [gone] = cookiesSet(await send('POST', `${app.url}/auth/logout`, { headers: cookieHeader(value!) }));
      expect([gone.value, gone.maxAge]).toEqual(['', 0]);
      app.users.users.set('alice', ALICE);
    });
  });
}

describe('lifetimes that make no sense stop the start', () => {
  const boot = async (given: AuthSetup['options']) => {
    const context = await createAuthContext(await databaseNamed('sqljs').create(), { options: given });
    await context.close();
  };
  const clients = (of: object) => ({ refreshToken: { clients: of as never } });

  test.each([
    [
      clients({ kiosk: { ttl: '31d' } }),
      /refreshToken\.clients\.kiosk\.ttl is '31d', but refreshToken\.ttl is '30d'.*Raise/,
    ],
    [
      clients({ kiosk: { idleTtl: '8d' } }),
      /refreshToken\.clients\.kiosk\.idleTtl is '8d', but refreshToken\.idleTtl is '7d'/,
    ],
    [
      clients({ kiosk: { accessTokenTtl: '16m' } }),
      /clients\.kiosk\.accessTokenTtl is longer than accessToken\.ttl.*Raise/,
    ],
    [
      clients({ kiosk: { ttl: '12 hours' } }),
      /refreshToken\.clients\.kiosk\.ttl is "12 hours"\. Write a number and a unit/,
    ],
    [clients({ kiosk: { maxSessionsPerUser: 0 } }), /clients\.kiosk\.maxSessionsPerUser must be a whole number/],
    [clients({ kiosk: { persistent: 'no' } }), /clients\.kiosk\.persistent must be true or false/],
    [clients({ kiosk: { tl: '1h' } }), /refreshToken\.clients\.kiosk: there is no option "tl"/],
    [clients({ kiosk: null }), /refreshToken\.clients\.kiosk must be an object/],
    [clients({ kiosk: [] }), /refreshToken\.clients\.kiosk must be an object/],
    [clients(new Map([['kiosk', { ttl: '1h' }]])), /refreshToken\.clients must be an object/],
    [clients({ '': { ttl: '1h' } }), /refreshToken\.clients: no client can have the client_id ""/],
    [clients({ ['x'.repeat(256)]: {} }), /no client can have the client_id.*1 to 255 characters/],
    [
      { refreshToken: { maxSessionsPerUser: 5, clients: { kiosk: { maxSessionsPerUser: 9 } } } },
      /clients\.kiosk\.maxSessionsPerUser is 9, but refreshToken\.maxSessionsPerUser is 5.*Raise/,
    ],
    [clients([]), /refreshToken\.clients must be an object/],
  ])('%j', async (given, message) => {
    await expect(boot(given)).rejects.toThrow(message);
  });
});
