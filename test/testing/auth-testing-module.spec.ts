import {
  Body,
  Controller,
  Delete,
  Get,
  type INestApplication,
  Injectable,
  Module,
  Post,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  AccessTokenService,
  type AuthenticatedUser,
  AuthEventBus,
  AuthEventLog,
  AuthModule,
  Clock,
  CurrentUser,
  GuardOf,
  JwtAuthGuard,
  RefreshTokenService,
  StepUp,
  StepUpGuard,
} from 'nestjs-refresh-token';
import {
  AuthTestingModule,
  type AuthTestingOptions,
  signedIn,
  TestClock,
  TestUsers,
} from 'nestjs-refresh-token/testing';
import supertest from 'supertest';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Orders } from '../support/orders.controller.js';
import { type Adapter, adapters, HostUsers, HostUsersModule, SECRET } from '../support/auth-app.js';

/** What a host writes: its own service calls the library. */
@Injectable()
class Passwords {
  constructor(private readonly refreshTokens: RefreshTokenService) {}

  change({ id, sessionId }: AuthenticatedUser): Promise<number> {
    return this.refreshTokens.revokeAllOfUser(id, 'password_changed', { exceptSessionId: sessionId });
  }
}

@Controller('account')
@UseGuards(JwtAuthGuard)
class Account {
  constructor(private readonly passwords: Passwords) {}

  @StepUp('5m')
  @UseGuards(JwtAuthGuard)
  @Delete()
  remove() {
    return {};
  }

  @Post('password')
  async changePassword(@CurrentUser() user: AuthenticatedUser, @Body() _next: object) {
    return { ended: await this.passwords.change(user) };
  }
}

const host = { controllers: [Orders, Account], providers: [Passwords] };

async function started(options: AuthTestingOptions = {}, adapter: Adapter = 'express'): Promise<INestApplication> {
  const module = await Test.createTestingModule({ imports: [AuthTestingModule.forRoot(options)], ...host }).compile();
  const app =
    adapter === 'express' ? module.createNestApplication() : module.createNestApplication(new FastifyAdapter());
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  return app;
}

const USERS = [
  { id: 'user-1', username: 'alice', password: 'alice-password', roles: ['admin'] },
  { id: 'user-2', username: 'bob', password: 'bob-password' },
];

afterEach(() => vi.unstubAllEnvs());

describe.each(adapters)('without a database, on %s', (adapter) => {
  test('a controller is guarded, and its roles are checked', async () => {
    const app = await started({}, adapter);
    const [admin, user] = [await signedIn(app, { id: 'admin', roles: ['admin'] }), await signedIn(app, 'somebody')];
    await supertest(app.getHttpServer()).get('/orders').expect(401);
    await user.agent.get('/orders').expect(200, { of: 'somebody' });
    await user.agent.get('/orders/all').expect(403);
    await admin.agent.get('/orders/all').expect(200);
  });

  test('the routes work: login, refresh, step-up, sessions, logout', async () => {
    const app = await started({ users: USERS }, adapter);
    const http = supertest(app.getHttpServer());
    const credentials = { username: 'alice', password: 'alice-password', transport: 'body' };
    await http
      .post('/auth/login')
      .send({ ...credentials, password: 'wrong' })
      .expect(401);
    const { body } = await http.post('/auth/login').send(credentials).expect(200);
    const refreshed = await http.post('/auth/refresh').send({ refresh_token: body.refresh_token }).expect(200);
    expect(refreshed.body.generation).toBe(1);
    const stepUp = { refresh_token: refreshed.body.refresh_token, password: 'alice-password' };
    const { body: last } = await http.post('/auth/step-up').send(stepUp).expect(200);
    const sessions = await http.get('/auth/sessions').auth(last.access_token, { type: 'bearer' }).expect(200);
    expect(sessions.body).toHaveLength(1);
    await http.post('/auth/logout').send({ refresh_token: last.refresh_token }).expect(204);
    const refused = await http.get('/orders').auth(last.access_token, { type: 'bearer' }).expect(401);
    expect(refused.body.error).toBe('token_revoked');
  });
});

describe('what the code of a host calls', () => {
  test('ends the other sessions of the user at once', async () => {
    const app = await started();
    const [laptop, phone] = [await signedIn(app, 'alice'), await signedIn(app, 'alice')];
    await laptop.agent.post('/account/password').send({ next: 'secret' }).expect(201, { ended: 1 });
    await laptop.agent.get('/orders').expect(200);
    const { body } = await phone.agent.get('/orders').expect(401);
    expect(body.error).toBe('token_revoked');
    await expect(phone.refresh()).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await app.get(RefreshTokenService).list('alice')).toHaveLength(1);
  });

  test('takes a role away at once, and the next refresh brings the rest', async () => {
    const users = new TestUsers(USERS);
    const app = await started({ users });
    const alice = await signedIn(app, 'user-1');
    await alice.agent.get('/orders/all').expect(200);

    users.set({ id: 'user-1', roles: [] });
    expect(await app.get(RefreshTokenService).permissionsChanged('user-1')).toBe(1);
    const { body } = await alice.agent.get('/orders/all').expect(401);
    expect(body.error).toBe('token_stale');
    await alice.refresh();
    await alice.agent.get('/orders/all').expect(403);
  });

  test('sees a thief: a token that is used again ends the session', async () => {
    const app = await started();
    const events: string[] = [];
    app.get(AuthEventBus).subscribe(({ type }) => void events.push(type));
    const alice = await signedIn(app, 'alice');
    const stolen = alice.refreshToken;
    await alice.refresh();
    await alice.refresh();
    app.get(TestClock).advance('1m');
    await expect(app.get(RefreshTokenService).refresh(stolen)).rejects.toMatchObject({ code: 'invalid_grant' });
    await alice.agent.get('/orders').expect(401);
    expect(events).toContain('reuse_detected');
  });

  test('forgets a user, and finds the events', async () => {
    const app = await started({ audit: { store: true } });
    const alice = await signedIn(app, 'alice');
    await alice.signOut();
    const log = app.get(AuthEventLog);
    expect((await log.find({ userId: 'alice' })).map(({ type }) => type)).toEqual(['revoked', 'signed_in']);
    expect(await app.get(RefreshTokenService).forgetUser('alice')).toEqual({ sessions: 1, events: 2 });
    expect((await log.find({})).map(({ type }) => type)).toEqual(['user_forgotten']);
  });

  test('removes dead sessions, and counts those that live', async () => {
    const app = await started({ purge: { retention: '1h' } });
    await signedIn(app, 'alice');
    app.get(TestClock).advance('8d');
    await signedIn(app, 'bob');
    const service = app.get(RefreshTokenService);
    expect(await service.countLive()).toBe(1);
    expect(await service.purge()).toBe(1);
    expect(await service.list('alice')).toEqual([]);
  });

  test('keeps to the limit of sessions', async () => {
    const app = await started({ refreshToken: { maxSessionsPerUser: 1 } });
    const first = await signedIn(app, 'alice');
    await signedIn(app, 'alice');
    await first.agent.get('/orders').expect(401);
  });

  test('names sessions, and tells of a new device once', async () => {
    const told: string[] = [];
    const onNewDevice = ({ userAgent }: { userAgent?: string | null }) => void told.push(userAgent ?? 'none');
    const app = await started({ refreshToken: { onNewDevice } });
    const phone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1';
    const refreshTokens = app.get(RefreshTokenService);
    const { sessionId } = await signedIn(app, 'alice', { client: { userAgent: phone } });
    await vi.waitFor(() => expect(told).toEqual([phone]));
    await signedIn(app, 'alice', { client: { userAgent: phone } });
    await signedIn(app, 'alice', { client: { userAgent: 'curl/8.0' } });
    await vi.waitFor(() => expect(told).toEqual([phone, 'curl/8.0']));
    expect(await refreshTokens.update(sessionId, { deviceName: 'My phone', tags: ['home'] })).toBe(true);
    const { accessToken } = await signedIn(app, 'alice');
    const owner = app.get(AccessTokenService).verify(accessToken).id;
    const named = (await refreshTokens.list(owner)).find(({ id }) => id === sessionId);
    expect(named).toMatchObject({ deviceName: 'My phone', tags: ['home'] });
  });

  test('ends all sessions that began before a time', async () => {
    const app = await started();
    const old = await signedIn(app, 'alice');
    app.get(TestClock).advance('1h');
    const young = await signedIn(app, 'alice');
    const createdBefore = app.get(TestClock).now() - 1;
    expect(await app.get(RefreshTokenService).revokeAll({ createdBefore })).toBe(1);
    await old.agent.get('/orders').expect(401);
    await young.agent.get('/orders').expect(200);
  });
});

describe('the clock', () => {
  test('lets access tokens expire, and sessions that nobody uses', async () => {
    const app = await started();
    const alice = await signedIn(app, 'alice');
    app.get(TestClock).advance('16m');
    const { body } = await alice.agent.get('/orders').expect(401);
    expect(body.error).toBe('token_expired');
    await alice.refresh();
    await alice.agent.get('/orders').expect(200);
    app.get(TestClock).advance('8d');
    await expect(alice.refresh()).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  test('decides whether a step-up is due', async () => {
    const app = await started();
    const alice = await signedIn(app, 'alice');
    await alice.agent.delete('/account').expect(200);
    app.get(TestClock).advance('6m');
    const { body } = await alice.agent.delete('/account').expect(401);
    expect(body.error).toBe('insufficient_user_authentication');
  });

  test('starts, stands and moves as it is told', async () => {
    const clock = new TestClock('2026-01-31T12:00:00Z');
    const app = await started({ clock });
    expect(app.get(Clock)).toBe(clock);
    expect(clock.now()).toBe(Date.UTC(2026, 0, 31, 12));
    clock.advance(1_500);
    clock.advance('2h');
    await clock.sleep(500);
    expect(clock.now()).toBe(Date.UTC(2026, 0, 31, 14, 0, 2));
    clock.set(new Date(0));
    expect(clock.now()).toBe(0);
  });

  test.each([
    ['a duration without a unit', () => new TestClock().advance('15')],
    ['one that is too long', () => new TestClock().advance('401d')],
    ['a negative number', () => new TestClock().advance(-1)],
    ['a start that is no time', () => new TestClock('yesterday')],
    ['a time that is no time', () => new TestClock().set(Number.NaN)],
  ])('refuses %s', (_, wrong) => expect(wrong).toThrow(/TestClock/));
});

describe('several modules', () => {
  @Controller('back-office')
  @UseGuards(GuardOf(JwtAuthGuard, 'staff'))
  class BackOffice {
    @Get()
    all(@CurrentUser() user: AuthenticatedUser) {
      return { of: user.id };
    }
  }

  test('have sessions, users and guards of their own', async () => {
    const clock = new TestClock();
    const module = await Test.createTestingModule({
      imports: [
        AuthTestingModule.forRoot({ clock }),
        AuthTestingModule.forRoot({
          name: 'staff',
          clock,
          routePrefix: 'staff/auth',
          cookie: { name: '__Host-staff' },
        }),
      ],
      ...host,
      controllers: [Orders, BackOffice],
    }).compile();
    const app = await module.createNestApplication().init();
    onTestFinished(() => app.close());

    const [alice, staff] = [await signedIn(app, 'alice'), await signedIn(app, 'carol', { name: 'staff' })];
    await staff.agent.get('/back-office').expect(200, { of: 'carol' });
    await staff.agent.get('/orders').expect(401);
    await alice.agent.get('/back-office').expect(401);
    await staff.agent.post('/staff/auth/refresh').expect(200);
    await expect(signedIn(app, 'alice', { name: 'partners' })).rejects.toThrow(/'partners'.*staff/);
  });
});

describe('in the place of AuthModule', () => {
  const authModule = AuthModule.forRoot({ imports: [HostUsersModule], userProvider: HostUsers, secret: SECRET });

  @Module({
    imports: [authModule],
    ...host,
    providers: [Passwords, { provide: APP_GUARD, useExisting: JwtAuthGuard }],
  })
  class AppModule {}

  test('it replaces the module of an application, which then needs no data source', async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideModule(authModule)
      .useModule(AuthTestingModule.forRoot({ imports: [HostUsersModule], userProvider: HostUsers }))
      .compile();
    const app = await module.createNestApplication().init();
    onTestFinished(() => app.close());
    const admin = await signedIn(app, 'user-admin');
    await admin.agent.get('/orders/all').expect(200);
    await supertest(app.getHttpServer()).get('/orders').expect(401);
  });

  test.each([
    ['an unknown option', { acessToken: {} }, /no option "acessToken"/],
    ['a wrong value', { accessToken: { ttl: '15' } }, /accessToken.ttl/],
    ['users and a user provider', { users: [], userProvider: HostUsers }, /users or userProvider/],
    ['users that are no list', { users: { id: 'alice' } }, /list of users/],
    ['a user without an id', { users: [{ roles: [] }] }, /needs an id/],
    ['a clock that does not tell the time', { clock: new Date() }, /new TestClock/],
    ['a data source', { dataSource: 'default' }, /no database/],
  ])('it refuses %s', async (_, options, message) => {
    const imports = () => [AuthTestingModule.forRoot(options as AuthTestingOptions)];
    await expect(async () => Test.createTestingModule({ imports: imports() }).compile()).rejects.toThrow(message);
  });

  test('it refuses to be in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => AuthTestingModule.forRoot()).toThrow(/NODE_ENV is 'production'/);
  });

  test('a process without HTTP has the services', async () => {
    const module = await Test.createTestingModule({
      imports: [AuthTestingModule.forRoot({ controllers: false })],
      providers: [Passwords, StepUpGuard],
    }).compile();
    await module.init();
    onTestFinished(() => module.close());
    const { sessionId } = await signedIn(module, 'alice');
    await signedIn(module, 'alice');
    const user = { id: 'alice', sessionId } as AuthenticatedUser;
    expect(await module.get(Passwords).change(user)).toBe(1);
  });
});
