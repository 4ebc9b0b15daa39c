import { Controller, Get, UseGuards } from '@nestjs/common';
import { type AuthenticatedUser, type AuthUser, CurrentUser, JwtAuthGuard } from 'nestjs-refresh-token';
import { createAuthClient } from 'nestjs-refresh-token/client';
import { beforeEach, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { claimsOf, listening, signIn } from '../support/listening.js';
import { CANARY, expectRefused } from '../support/refused.js';

interface Tenancy {
  tenant_id: string;
  plan?: { name: string; seats: number };
}

@Controller('tenant')
class TenantController {
  @UseGuards(JwtAuthGuard<Tenancy>)
  @Get()
  show(@CurrentUser() user: AuthenticatedUser<Tenancy>) {
    return { tenant: user.claims.tenant_id, claims: user.claims, frozen: isFrozen(user.claims) };
  }
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

const SERVER_ERROR = { status: 500, error: 'server_error' };

for (const adapter of adapters) {
  describe(`claims of the host in the access token (${adapter})`, () => {
    const app = listening(adapter, { controllers: [TenantController], quiet: true });
    const aliceIs = (claims: unknown) =>
      app.users.users.set('alice', { id: 'user-alice', roles: ['user'], claims } as AuthUser);
    beforeEach(() => void aliceIs({ tenant_id: 'acme' }));
    const show = (accessToken: string) => send(`GET`, `${app.url}/tenant`, { headers: bearer(accessToken) });

    test('stand beside its own, and come out at @CurrentUser() and at /auth/me', async () => {
      aliceIs({ tenant_id: 'acme', plan: { name: 'team', seats: 5 }, beta: null, left_out: undefined });
      const { accessToken } = await signIn(app);
      const claims = { tenant_id: 'acme', plan: { name: 'team', seats: 5 }, beta: null };
      expect(claimsOf(accessToken)).toMatchObject({ ...claims, sub: 'user-alice', roles: ['user'] });
      expect((await show(accessToken)).body).toEqual({ tenant: 'acme', claims, frozen: true });
      const me = await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) });
      expect(me.body).toMatchObject({ id: 'user-alice', claims });
    });

    test('without any, nothing is added', async () => {
      const { accessToken } = await signIn(app, { username: 'bob' });
      expect((await show(accessToken)).body).toEqual({ claims: {}, frozen: true });
      const me = await send<object>('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) });
      expect(me.body).not.toHaveProperty('claims');
    });

    test('are read again at each refresh, and at a step-up', async () => {
      const { refreshToken } = await signIn(app);
      aliceIs({ tenant_id: 'globex' });
      const { body } = await refresh(app.url, refreshToken);
      expect(claimsOf(body.access_token).tenant_id).toBe('globex');
      aliceIs({ tenant_id: 'initech' });
      const stepped = await send<{ access_token: string }>('POST', `${app.url}/auth/step-up`, {
        body: { password: 'alice-password', refresh_token: body.refresh_token },
      });
      expect(claimsOf(stepped.body.access_token).tenant_id).toBe('initech');
    });

    test('that have changed make the old access token stale, if the host says so', async () => {
      const { accessToken } = await signIn(app);
      aliceIs({ tenant_id: 'globex' });
      await app.service.permissionsChanged('user-alice');
      expect(await show(accessToken)).toMatchObject({ status: 401, body: { error: 'token_stale' } });
    });

    test('come out typed in the client', async () => {
      let stored: unknown;
      const client = createAuthClient<{ claims: Tenancy }>({
        baseUrl: app.url,
        store: { load: async () => stored as never, save: async (session) => void (stored = session), clear: () => {} },
      });
      await client.login({ username: 'alice', password: 'alice-password' });
      const tenant: string | undefined = (await client.user())?.claims.tenant_id;
      expect(tenant).toBe('acme');
    });

    const notPossible: [string, unknown][] = [
      ...['sub', 'roles', 'exp', 'scope', 'sid', 'gen', 'act', 'amr', 'client_id', 'cnf', 'nbf', '__proto__'].map(
        (name): [string, unknown] => [`a reserved name, ${name}`, JSON.parse(`{"${name}":"${CANARY}"}`)],
      ),
      ['a date', { since: new Date() }],
      ['a bigint', { big: 1n }],
      ['a function', { f: () => CANARY }],
      ['not a number', { seats: NaN }],
      ['an instance of a class', new (class Tenant {})()],
      ['a list', [CANARY]],
      ['text', CANARY],
      ['deeper than any claim', { a: JSON.parse('[[[[[[[[[[1]]]]]]]]]]') }],
      ['more than a header carries', { text: 'x'.repeat(20_000) }],
    ];

    test.each(notPossible)('that cannot be are refused, and nothing is lost: %s', async (_, claims) => {
      const { refreshToken } = await signIn(app);
      aliceIs(claims);
      await expectRefused(app, () => refresh(app.url, refreshToken), SERVER_ERROR, [refreshToken]);
      const call = () => login(app.url, { username: 'alice', password: 'alice-password' });
      await expectRefused(app, call, SERVER_ERROR);
      aliceIs({ tenant_id: 'acme' });
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test('that refer to themselves are refused as well', async () => {
      const circle: Record<string, unknown> = {};
      circle.self = circle;
      aliceIs(circle);
      const call = () => login(app.url, { username: 'alice', password: 'alice-password' });
      await expectRefused(app, call, SERVER_ERROR);
    });
  });
}
