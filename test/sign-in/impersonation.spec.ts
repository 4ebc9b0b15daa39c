import { Body, Controller, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import {
  AccessTokenService,
  type AuthEvent,
  AuthEventLog,
  AuthResponder,
  ImpersonationService,
  JwtAuthGuard,
  NotImpersonated,
  Roles,
  RolesGuard,
  StepUp,
  StepUpService,
} from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { adapters, type AuthContext, createAuthContext } from '../support/auth-app.js';
import { testClient } from '../support/clients.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';
import { DpopClient, generateProofKey, hashOf } from '../support/dpop.js';
import { type AuthBody, bearer, cookieHeader, cookiesSet, refresh, send } from '../support/http.js';
import { claimsOf, listening, MINUTE, signIn } from '../support/listening.js';

type Given = Parameters<AuthResponder['impersonate']>;

@Controller('support')
class SupportController {
  constructor(private readonly responder: AuthResponder) {}

  @Roles('admin')
  @UseGuards(JwtAuthGuard, RolesGuard)
  @Post('impersonate/:id')
  impersonate(@Param('id') id: string, @Req() request: Given[1], @Res() response: Given[2], @Body() body: Given[3]) {
    return this.responder.impersonate(id, request, response, { actorName: 'Ada of support', ...body });
  }
}

@Controller('account')
class AccountController {
  @UseGuards(JwtAuthGuard)
  @Get('orders')
  orders() {
    return [];
  }

  @NotImpersonated()
  @UseGuards(JwtAuthGuard)
  @Get('password')
  password() {
    return [];
  }

  @StepUp('5m')
  @UseGuards(JwtAuthGuard)
  @Get('delete')
  delete() {
    return [];
  }
}

@NotImpersonated()
@UseGuards(JwtAuthGuard)
@Controller('bank')
class BankController {
  @Get()
  transfers() {
    return [];
  }
}

const FORBIDDEN = {
  status: 403,
  body: { error: 'forbidden', error_description: 'This is not allowed while somebody acts as the user.' },
};
const ALICE = { id: 'user-alice', roles: ['user'] };
const ADMIN = { id: 'user-admin', roles: ['user', 'admin'] };

interface Session {
  id: string;
  current: boolean;
  actor?: { id: string; name?: string };
}

for (const adapter of adapters) {
  describe(`an administrator who acts as a user (${adapter})`, () => {
    const app = listening(adapter, {
      controllers: [SupportController, AccountController, BankController],
      options: { audit: { store: true, flushInterval: '10ms' }, refreshToken: { stepUpToEndSessions: '10m' } },
    });
    const get = (path: string, accessToken: string) =>
      send('GET', `${app.url}/${path}`, { headers: bearer(accessToken) });
    const impersonate = (accessToken: string, id = ALICE.id, body: object = {}, headers = {}) =>
      send<AuthBody>('POST', `${app.url}/support/impersonate/${id}`, {
        headers: { ...bearer(accessToken), ...headers },
        body,
      });
    const begun = async () => {
      const admin = await signIn(app, { username: 'admin' });
      const { body } = await impersonate(admin.accessToken);
      return { admin, session: body };
    };
    const sessionsOf = async (accessToken: string) => (await get('auth/sessions', accessToken)).body as Session[];

    it('has the rights of the user, and is named in the token', async () => {
      const { admin, session } = await begun();
      expect(session).toMatchObject({ token_type: 'Bearer', expires_in: 300, refresh_token: expect.any(String) });
      expect(claimsOf(session.access_token)).toMatchObject({ sub: ALICE.id, act: { sub: ADMIN.id }, roles: ['user'] });
      expect((await get('auth/me', session.access_token)).body).toEqual({
        id: ALICE.id,
        roles: ['user'],
        permissions: [],
        session_id: session.session_id,
        actor: { id: ADMIN.id },
      });
      expect((await get('account/orders', session.access_token)).status).toBe(200);
      expect(claimsOf(admin.accessToken)).not.toHaveProperty('act');
      expect((await get('auth/me', admin.accessToken)).body).not.toHaveProperty('actor');
    });

    it('keeps their own session and cookie', async () => {
      const admin = await signIn(app, { username: 'admin', transport: 'cookie' });
      const answer = await impersonate(admin.accessToken, ALICE.id, {}, cookieHeader(admin.refreshToken));
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(cookiesSet(answer)).toEqual([]);
      expect((await refresh(app.url, undefined, cookieHeader(admin.refreshToken))).status).toBe(200);
      expect((await refresh(app.url, answer.body.refresh_token)).status).toBe(200);
    });

    it('is refused on routes that say so, and where the user would have to authenticate', async () => {
      const { session } = await begun();
      const alice = await signIn(app);
      for (const path of ['account/password', 'account/delete', 'bank']) {
        expect(await get(path, session.access_token), path).toMatchObject(FORBIDDEN);
        expect((await get(path, alice.accessToken)).status, path).toBe(200);
      }
      const body = { password: 'alice-password', refresh_token: session.refresh_token };
      expect(await send('POST', `${app.url}/auth/step-up`, { body })).toMatchObject(FORBIDDEN);
      const user = app.module.get(AccessTokenService).verify(session.access_token);
      const proven = app.module.get(StepUpService).reauthenticate(user, 'alice-password');
      await expect(proven).rejects.toMatchObject({ code: 'forbidden' });
      expect((await refresh(app.url, session.refresh_token)).status).toBe(200);
    });

    it('cannot touch the sessions of the user, and can end their own', async () => {
      const { session } = await begun();
      const alice = await signIn(app);
      const headers = bearer(session.access_token);
      const of = (id: string) => `${app.url}/auth/sessions/${id}`;
      const attempts = [
        send('DELETE', of(alice.sessionId), { headers }),
        send('PATCH', of(alice.sessionId), { headers, body: { device_name: 'mine' } }),
        send('POST', `${app.url}/auth/logout-all`, { headers }),
        send('POST', `${app.url}/auth/logout-all`, { headers, body: { except_current: true } }),
      ];
      for (const answer of await Promise.all(attempts)) expect(answer).toMatchObject(FORBIDDEN);
      expect((await send('PATCH', of(session.session_id), { headers, body: { tags: ['call'] } })).status).toBe(204);
      app.clock.advance(4 * MINUTE);
      expect((await send('DELETE', of(session.session_id), { headers })).status).toBe(204);
      expect((await refresh(app.url, session.refresh_token)).status).toBe(401);
      expect((await refresh(app.url, alice.refreshToken)).status).toBe(200);
    });

    it('ends it with one call, and goes on in their own session', async () => {
      const { admin, session } = await begun();
      const logout = await send('POST', `${app.url}/auth/logout`, { headers: bearer(session.access_token) });
      expect(logout.status).toBe(204);
      expect((await get('account/orders', session.access_token)).status).toBe(401);
      expect((await refresh(app.url, session.refresh_token)).status).toBe(401);
      expect((await refresh(app.url, admin.refreshToken)).status).toBe(200);
    });

    it('ends it with one call in the browser that has their own cookie, which stays', async () => {
      const admin = await signIn(app, { username: 'admin', transport: 'cookie' });
      const { body: session } = await impersonate(admin.accessToken);
      const headers = { ...bearer(session.access_token), ...cookieHeader(admin.refreshToken) };
      const logout = await send('POST', `${app.url}/auth/logout`, { headers });
      expect([logout.status, logout.headers.getSetCookie()]).toEqual([204, []]);
      expect((await refresh(app.url, session.refresh_token)).status).toBe(401);
      expect((await refresh(app.url, undefined, cookieHeader(admin.refreshToken))).status).toBe(200);
    });

    it('may be bound to a key: one proof is enough for the guard and the new session, and works once', async () => {
      const device = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
      const credentials = { username: 'admin', password: 'admin-password', transport: 'body' as const };
      const { body: admin } = await device.login(credentials);
      const path = `/support/impersonate/${ALICE.id}`;
      const dpop = await device.proof('POST', path, { ath: hashOf(admin.access_token) });
      const headers = { authorization: `DPoP ${admin.access_token}`, dpop };
      const answer = await send<AuthBody>('POST', app.url + path, { headers, body: {} });
      expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
      expect((await device.get('/account/orders', answer.body.access_token)).status).toBe(200);
      const replayed = await send('POST', app.url + path, { headers, body: {} });
      expect(replayed).toMatchObject({ status: 401, body: { error: 'invalid_dpop_proof' } });
    });

    it('is in the list of the user with both names, and the user can end it', async () => {
      const { session } = await begun();
      const alice = await signIn(app);
      const listed = (await sessionsOf(alice.accessToken)).find(({ id }) => id === session.session_id)!;
      expect(listed).toMatchObject({ current: false, actor: { id: ADMIN.id, name: 'Ada of support' } });
      const own = (await sessionsOf(alice.accessToken)).find(({ current }) => current)!;
      expect(own).not.toHaveProperty('actor');
      const headers = bearer(alice.accessToken);
      const ended = await send('DELETE', `${app.url}/auth/sessions/${session.session_id}`, { headers });
      expect(ended.status).toBe(204);
      expect((await get('account/orders', session.access_token)).status).toBe(401);
    });

    it('is in all events of the session, with the user, and in the table', async () => {
      const { session } = await begun();
      const second = (await refresh(app.url, session.refresh_token)).body;
      await refresh(app.url, session.refresh_token);
      await send('POST', `${app.url}/auth/logout`, { body: { refresh_token: second.refresh_token } });
      await refresh(app.url, second.refresh_token);
      const both = { sessionId: session.session_id, userId: ALICE.id, actor: ADMIN.id };
      const types: AuthEvent['type'][] = ['signed_in', 'refreshed', 'refresh_repeated', 'revoked', 'refresh_denied'];
      const events = app.events.filter(({ sessionId }) => sessionId === session.session_id);
      expect(events).toMatchObject(types.map((type) => ({ type, ...both })));
      const log = app.module.get(AuthEventLog);
      await log.flush();
      const stored = await log.find({ actor: ADMIN.id, sessionId: session.session_id });
      expect(stored.map(({ type, userId }) => [type, userId]).sort()).toEqual(
        types.map((type) => [type, ALICE.id]).sort(),
      );
    });

    it('must be one, and cannot act as nobody, as themselves, or from an impersonated session', async () => {
      const admin = await signIn(app, { username: 'admin' });
      const alice = await signIn(app);
      expect((await impersonate(alice.accessToken, 'user-bob')).status).toBe(403);
      expect(await impersonate(admin.accessToken, 'nobody')).toMatchObject({
        status: 404,
        body: { error: 'not_found', error_description: 'There is no such user.' },
      });
      expect(await impersonate(admin.accessToken, ADMIN.id)).toMatchObject({ status: 400 });
      const other = { id: 'user-root', roles: ['user', 'admin'] };
      app.users.users.set('root', other);
      const { body } = await impersonate(admin.accessToken, other.id);
      const nested = await impersonate(body.access_token, ALICE.id);
      expect(nested).toMatchObject({ status: 403, body: { error: 'forbidden' } });
      expect(nested.body.error_description).toBe('An impersonated session cannot begin another one.');
    });

    it('can use a client of their own', async () => {
      const { session } = await begun();
      const client = testClient(app.url);
      await client.adopt(session);
      expect((await client.user())!.actor).toEqual({ id: ADMIN.id });
      expect((await client.sessions.list()).find(({ current }) => current)!.actor).toEqual({
        id: ADMIN.id,
        name: 'Ada of support',
      });
      await client.logout();
      expect((await refresh(app.url, session.refresh_token)).status).toBe(401);
    });
  });
}

describe('an impersonated session', () => {
  const onNewDevice = vi.fn();
  afterEach(() => onNewDevice.mockClear());
  const options = { refreshToken: { maxSessionsPerUser: 2, onNewDevice } };

  onEveryDatabase({ options }, (host) => {
    const begin = async (options?: Parameters<ImpersonationService['begin']>[2], client = {}) => {
      const { module, service } = host();
      const own = await service.issue(ADMIN);
      const actor = module.get(AccessTokenService).verify(own.accessToken);
      return { own, session: await module.get(ImpersonationService).begin(actor, ALICE.id, options, client) };
    };
    const rowOf = ({ dataSource }: AuthContext, id: string) =>
      dataSource.getRepository(RefreshToken).findOneByOrFail({ id });

    it('is short, and no refresh extends it', async () => {
      const { service, clock } = host();
      const { own, session } = await begin({ metadata: { ticket: '4711' } });
      const { expiresAt, ...row } = await rowOf(host(), session.sessionId);
      expect(row).toMatchObject({
        userId: ALICE.id,
        actor: ADMIN.id,
        actorName: null,
        actorSessionId: own.sessionId,
        metadata: '{"ticket":"4711"}',
        transport: 'body',
        accessTokenTtl: 5 * MINUTE,
      });
      expect(expiresAt).toBe(clock.now() + 30 * MINUTE);
      clock.advance(29 * MINUTE);
      const refreshed = await service.refresh(session.refreshToken);
      expect(refreshed.expiresIn).toBe(60);
      expect((await rowOf(host(), session.sessionId)).expiresAt).toBe(expiresAt);
      clock.advance(MINUTE);
      await expect(service.refresh(refreshed.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
    });

    it('ends no session of the user, takes no place of them, and is no new device', async () => {
      const { service, clock } = host();
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
      const oldest = await service.issue(ALICE);
      clock.advance(MINUTE);
      const own = [oldest, await service.issue(ALICE)];
      const { session } = await begin({}, { userAgent: 'curl/8' });
      const ids = async () => (await service.list(ALICE.id)).map(({ id }) => id).sort();
      expect(await ids()).toEqual([...own, session].map(({ sessionId }) => sessionId).sort());
      const third = await service.issue(ALICE);
      expect(await ids()).toEqual([own[1], third, session].map(({ sessionId }) => sessionId).sort());
      expect(onNewDevice).not.toHaveBeenCalledWith(expect.objectContaining({ userAgent: 'curl/8' }));
      expect((await rowOf(host(), session.sessionId)).deviceHash).toBeNull();
    });

    it('ends at its next refresh once the administrator has lost their own session', async () => {
      const { service, events } = host();
      const { session } = await begin();
      const { refreshToken } = await service.refresh(session.refreshToken);
      await service.revokeAllOfUser(ADMIN.id, 'user_unavailable');
      await expect(service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
      const of = { sessionId: session.sessionId, userId: ALICE.id, actor: ADMIN.id };
      const reason = 'impersonator_unavailable';
      expect(events.slice(-2)).toMatchObject([
        { type: 'revoked', reason, ...of },
        { type: 'refresh_denied', reason, ...of },
      ]);
      expect((await rowOf(host(), session.sessionId)).revokedReason).toBe(reason);
    });

    it('ends at its next refresh once the administrator is disabled, and goes on if that cannot be told', async () => {
      const { service, users } = host();
      const { session } = await begin();
      const { loadUser } = users;
      const withoutAdmin = (answer: () => Promise<null>) => {
        users.loadUser = (id) => (id === ADMIN.id ? answer() : loadUser(id));
      };
      withoutAdmin(() => Promise.reject(new Error('away')));
      await expect(service.refresh(session.refreshToken)).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      users.loadUser = loadUser;
      const { refreshToken } = await service.refresh(session.refreshToken);
      withoutAdmin(async () => null);
      await expect(service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
      users.loadUser = loadUser;
      await expect(service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
    });

    it('neither begins nor goes on once the administrator has new credentials', async () => {
      const { module, service, users } = host();
      const { loadUser } = users;
      users.loadUser = async (id) => ({ ...(await loadUser(id))!, credentialsVersion: 1 });
      try {
        const own = await service.issue({ ...ADMIN, credentialsVersion: 1 });
        const actor = module.get(AccessTokenService).verify(own.accessToken);
        const begin = () => module.get(ImpersonationService).begin(actor, ALICE.id);
        const { refreshToken } = await service.refresh((await begin()).refreshToken);
        users.loadUser = async (id) => ({ ...(await loadUser(id))!, credentialsVersion: id === ADMIN.id ? 2 : 1 });
        await expect(begin()).rejects.toMatchObject({ code: 'forbidden' });
        await expect(service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
      } finally {
        users.loadUser = loadUser;
      }
    });

    it('cannot begin from a session that has ended', async () => {
      const { module, service } = host();
      const own = await service.issue(ADMIN);
      const actor = module.get(AccessTokenService).verify(own.accessToken);
      await service.revoke(own.sessionId, 'logout');
      const begun = module.get(ImpersonationService).begin(actor, ALICE.id);
      await expect(begun).rejects.toMatchObject({ code: 'forbidden' });
      // The session of somebody else is no session of the administrator.
      const ofBob = await service.issue({ id: 'user-bob', roles: [] });
      const forged = module.get(ImpersonationService).begin({ ...actor, sessionId: ofBob.sessionId }, ALICE.id);
      await expect(forged).rejects.toMatchObject({ code: 'forbidden' });
    });
  });

  const invalid: [object, string][] = [
    [{ ttl: '13h' }, "ttl is '13h'. It must be between '1s' and '12h'."],
    [{ ttl: '0s' }, "ttl is '0s'. It must be between '1s' and '12h'."],
    [{ accessTokenTtl: '25h' }, "accessTokenTtl is '25h'. It must be between '1s' and '24h'."],
    [{ actorName: '' }, 'actorName must have 1 to 255 characters'],
    [{ actorName: 'a\nb' }, 'actorName must have 1 to 255 characters'],
    [{ transport: 'cookie' }, 'impersonation: there is no option "transport"'],
  ];
  it.each(invalid)('with the options %j does not begin', async (options, message) => {
    const host = await createAuthContext(await databaseNamed('sqljs').create());
    const { accessToken } = await host.service.issue(ADMIN);
    const actor = host.module.get(AccessTokenService).verify(accessToken);
    await expect(host.module.get(ImpersonationService).begin(actor, ALICE.id, options)).rejects.toThrow(message);
    expect(await host.service.list(ALICE.id)).toEqual([]);
    await host.close();
  });
});
