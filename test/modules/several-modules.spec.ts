import { Controller, Get, type INestApplication, Injectable, Module, UseGuards } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  AccessTokenService,
  type AuthenticatedUser,
  AuthExceptionFilter,
  AuthModule,
  AuthEventBus,
  CurrentUser,
  GuardOf,
  InjectAuth,
  JwtAuthGuard,
  Permissions,
  PermissionsGuard,
  RefreshTokenService,
  Roles,
  RolesGuard,
  Scopes,
  ScopesGuard,
  type UserProvider,
} from 'nestjs-refresh-token';
import {
  RefreshToken,
  RefreshTokenColumns,
  refreshTokenEntities,
  refreshTokenMigrations,
  refreshTokenMigrationsFor,
  RefreshTokenTable,
} from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Adapter, adapters, HostUsers, SECRET } from '../support/auth-app.js';
import { databases } from '../support/databases.js';
import { type AuthBody, bearer, cookiesSet, send } from '../support/http.js';
import { HOST, host, type HostSetup } from '../support/staff-host.js';

@RefreshTokenTable('staff_refresh_tokens')
class StaffRefreshToken extends RefreshTokenColumns {}

/** Staff and users may have the same ids and names: they are other people all the same. */
@Injectable()
class StaffUsers implements UserProvider {
  private readonly clerk = { id: 'user-alice', roles: ['clerk'], permissions: ['stock:count'] };

  async validateCredentials(username: string, password: string) {
    return username === 'alice' && password === 'staff-password' ? this.clerk : null;
  }

  async loadUser(id: string) {
    return id === this.clerk.id ? this.clerk : null;
  }
}

@Module({ providers: [StaffUsers], exports: [StaffUsers] })
class StaffUsersModule {}

const STAFF_SECRET = 'mQ4-staff-only-Hs8dK2pW6yB9vN3xC7fJ1t';
const purge = { interval: '0s' };
const USERS = { ...HOST, secret: SECRET, purge };
const STAFF = {
  name: 'staff',
  imports: [StaffUsersModule],
  userProvider: StaffUsers,
  secret: STAFF_SECRET,
  entity: StaffRefreshToken,
  routePrefix: 'staff/auth',
  cookie: { name: '__Host-staff_refresh_token' },
  purge,
};

@Controller('shop')
class ShopController {
  @Get()
  @UseGuards(JwtAuthGuard, RolesGuard)
  @Roles('user')
  shop(@CurrentUser() { id }: AuthenticatedUser) {
    return { id };
  }

  @Get('passport')
  @UseGuards(AuthGuard('nrt-jwt'))
  passport() {
    return {};
  }
}

@Controller('back-office')
class BackOfficeController {
  constructor(
    readonly userSessions: RefreshTokenService,
    @InjectAuth(RefreshTokenService, 'staff') readonly staffSessions: RefreshTokenService,
  ) {}

  @Get()
  @UseGuards(GuardOf(JwtAuthGuard, 'staff'), RolesGuard)
  @Roles('clerk')
  backOffice(@CurrentUser() { id }: AuthenticatedUser) {
    return { id };
  }

  @Get('stock')
  @UseGuards(GuardOf(JwtAuthGuard, 'staff'), GuardOf(ScopesGuard, 'staff'), GuardOf(PermissionsGuard, 'staff'))
  @Scopes('stock:read')
  @Permissions('stock:count')
  stock() {
    return {};
  }

  @Get('passport')
  @UseGuards(AuthGuard('nrt-staff-jwt'))
  passport() {
    return {};
  }
}

const TABLES = {
  entities: [...refreshTokenEntities, StaffRefreshToken],
  migrations: [...refreshTokenMigrations, ...refreshTokenMigrationsFor(StaffRefreshToken)],
};

const SETUP: HostSetup = {
  ...TABLES,
  controllers: [ShopController, BackOfficeController],
  providers: [{ provide: APP_FILTER, useClass: AuthExceptionFilter }],
};

const hostOfBoth = (adapter: Adapter, users = {}, staff = {}) =>
  host(adapter, {
    ...SETUP,
    imports: [AuthModule.forRoot({ ...USERS, ...users }), AuthModule.forRoot({ ...STAFF, ...staff })],
  });

const CREDENTIALS = {
  auth: { username: 'alice', password: 'alice-password' },
  'staff/auth': { username: 'alice', password: 'staff-password' },
};
type Prefix = keyof typeof CREDENTIALS;

async function signIn(url: string, prefix: Prefix, transport: 'body' | 'cookie' = 'body') {
  const answer = await send<AuthBody>('POST', `${url}/${prefix}/login`, {
    body: { ...CREDENTIALS[prefix], transport },
  });
  expect(answer.status).toBe(200);
  return answer;
}

for (const adapter of adapters) {
  describe(`users and staff in one application (${adapter})`, () => {
    const rows = async (app: INestApplication) => {
      const dataSource = app.get(DataSource);
      return {
        users: await dataSource.getRepository(RefreshToken).count(),
        staff: await dataSource.getRepository(StaffRefreshToken).count(),
      };
    };

    test('have accounts, sessions, tables and cookies of their own', async () => {
      const { app, url } = await hostOfBoth(adapter);
      const user = await signIn(url, 'auth', 'cookie');
      expect(cookiesSet(user)[0].name).toBe('__Host-refresh_token');
      expect(await rows(app)).toEqual({ users: 1, staff: 0 });
      const staff = await signIn(url, 'staff/auth', 'cookie');
      expect(cookiesSet(staff)[0].name).toBe('__Host-staff_refresh_token');
      expect(await rows(app)).toEqual({ users: 1, staff: 1 });

      const wrong = await send('POST', `${url}/staff/auth/login`, { body: CREDENTIALS.auth });
      expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } });

      // A browser sends both.
      const cookie = [user, staff]
        .map((answer) => `${cookiesSet(answer)[0].name}=${cookiesSet(answer)[0].value}`)
        .join('; ');
      for (const [prefix, name] of [
        ['auth', '__Host-refresh_token'],
        ['staff/auth', '__Host-staff_refresh_token'],
      ]) {
        const refreshed = await send('POST', `${url}/${prefix}/refresh`, { headers: { cookie } });
        expect(refreshed.status).toBe(200);
        expect(cookiesSet(refreshed).map((set) => set.name)).toEqual([name]);
      }
    });

    test('grant scopes of their own, and the guards of each ask for them', async () => {
      const { url } = await hostOfBoth(adapter, {}, { refreshToken: { scopes: ['stock:read'] } });
      const scoped = (prefix: Prefix) =>
        send<AuthBody>('POST', `${url}/${prefix}/login`, {
          body: { ...CREDENTIALS[prefix], transport: 'body', scope: 'stock:read' },
        });
      expect(await scoped('auth')).toMatchObject({ status: 200, body: { scope: '' } });
      const stock = async ({ body }: { body: AuthBody }) =>
        (await send('GET', `${url}/back-office/stock`, { headers: bearer(body.access_token) })).status;
      expect(await stock(await scoped('staff/auth'))).toBe(200);
      expect(await stock(await signIn(url, 'staff/auth'))).toBe(403);
      expect(await stock(await signIn(url, 'auth'))).toBe(401);
    });

    test.each([
      ['secrets of their own', {}],
      ['the same secret by mistake', { secret: SECRET }],
    ])('accept none of each other’s tokens, with %s', async (_, staffOptions) => {
      const { url } = await hostOfBoth(adapter, {}, staffOptions);
      const [user, staff] = [(await signIn(url, 'auth')).body, (await signIn(url, 'staff/auth')).body];
      for (const [path, own, other] of [
        ['/shop', user, staff],
        ['/shop/passport', user, staff],
        ['/auth/me', user, staff],
        ['/back-office', staff, user],
        ['/back-office/passport', staff, user],
        ['/staff/auth/me', staff, user],
      ] as const) {
        expect((await send('GET', url + path, { headers: bearer(own.access_token) })).status, path).toBe(200);
        expect((await send('GET', url + path, { headers: bearer(other.access_token) })).status, path).toBe(401);
      }
      for (const [prefix, own, other] of [
        ['auth', user, staff],
        ['staff/auth', staff, user],
      ] as const) {
        const refresh = (refresh_token: string) =>
          send('POST', `${url}/${prefix}/refresh`, { body: { refresh_token } });
        expect(await refresh(other.refresh_token)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
        expect((await refresh(own.refresh_token)).status).toBe(200);
      }
    });

    test('end none of each other’s sessions, whatever ids the users have', async () => {
      const { app, url } = await hostOfBoth(adapter);
      const [user, staff] = [(await signIn(url, 'auth')).body, (await signIn(url, 'staff/auth')).body];
      const { userSessions, staffSessions } = app.get(BackOfficeController);
      expect(await userSessions.revokeAllOfUser('user-alice', 'ended_by_admin')).toBe(1);
      expect((await send('GET', `${url}/shop`, { headers: bearer(user.access_token) })).status).toBe(401);
      expect((await send('GET', `${url}/back-office`, { headers: bearer(staff.access_token) })).status).toBe(200);
      expect(await staffSessions.list('user-alice')).toHaveLength(1);
    });

    test('answer what cannot be read in the same form, and take back their own cookie', async () => {
      const { url } = await hostOfBoth(adapter);
      for (const prefix of ['auth', 'staff/auth'] as const) {
        const { name, value } = cookiesSet(await signIn(url, prefix, 'cookie'))[0];
        const headers = { cookie: `${name}=${value}` };
        expect((await send('POST', `${url}/${prefix}/logout`, { headers })).status).toBe(204);
        const dead = await send('POST', `${url}/${prefix}/refresh`, { headers });
        expect(dead).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
        expect(cookiesSet(dead)).toMatchObject([{ name, value: '' }]);
        const json = { 'content-type': 'application/json' };
        const unreadable = await send('POST', `${url}/${prefix}/login`, { headers: json, text: '{' });
        expect(unreadable).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      }
    });
  });
}

describe('modules that are not global', () => {
  test('are told apart by the module that imports them, also next to a named one', async () => {
    const staff = AuthModule.forRoot({ ...STAFF, isGlobal: false });
    @Injectable()
    class Services {
      constructor(
        readonly accessTokens: AccessTokenService,
        readonly events: AuthEventBus,
      ) {}
    }
    @Module({ imports: [staff], providers: [Services] })
    class OfStaff {}
    @Module({ providers: [Services] })
    class OfUsers {}
    const { app, url } = await host('express', {
      ...SETUP,
      controllers: [],
      imports: [AuthModule.forRoot(USERS), OfStaff, OfUsers],
    });
    const [user, clerk] = [(await signIn(url, 'auth')).body, (await signIn(url, 'staff/auth')).body];
    const servicesOf = (module: typeof OfStaff) => app.select(module).get(Services, { strict: true });
    expect(servicesOf(OfStaff).accessTokens.verify(clerk.access_token).roles).toEqual(['clerk']);
    expect(servicesOf(OfUsers).accessTokens.verify(user.access_token).roles).toEqual(['user']);
    expect(() => servicesOf(OfStaff).accessTokens.verify(user.access_token)).toThrow(/invalid_token/);
    expect(servicesOf(OfStaff).events).not.toBe(servicesOf(OfUsers).events);
  });
});

describe('two modules that would get into each other’s way are refused at boot', () => {
  const channel = { open: () => undefined, publish: async () => undefined, close: async () => undefined };
  test.each([
    [
      'name',
      {},
      { name: undefined },
      /the same name\. Give one of them a different name: AuthModule\.forRoot\(\{ name:/,
    ],
    ['table', {}, { entity: RefreshToken }, /the same table of sessions.*entity: StaffRefreshToken/],
    ['routes', {}, { routePrefix: 'auth' }, /the same routes.*routePrefix: 'staff\/auth'/],
    ['routes but for their case', {}, { routePrefix: 'Auth' }, /the same routes/],
    ['routes of one version', { version: ['1', '2'] }, { routePrefix: 'auth', version: '1' }, /the same routes/],
    ['name but for its case', { name: 'Staff' }, {}, /the same name/],
    [
      'cookie of the client nonce',
      {},
      { cookie: { ...STAFF.cookie, clientNonceName: '__Host-client_nonce' } },
      /the same cookie/,
    ],
    ['cookie', {}, { cookie: {} }, /the same cookie.*__Host-staff_refresh_token/],
    ['channel', { revocation: { channel } }, { revocation: { channel } }, /the same revocation\.channel/],
  ])('the same %s', async (_, users, staff, message) => {
    const imports = [AuthModule.forRoot({ ...USERS, ...users }), AuthModule.forRoot({ ...STAFF, ...staff })];
    await expect(host('express', { ...SETUP, controllers: [], imports })).rejects.toThrow(message);
  });

  test('but modules without routes may share a prefix', async () => {
    const { url } = await hostOfBoth('express', {}, { controllers: false, routePrefix: 'auth' });
    await signIn(url, 'auth');
  });

  test('an invalid name, and an entity that is not a table of sessions', () => {
    expect(() => AuthModule.forRoot({ ...STAFF, name: 'the staff' })).toThrow(/name must consist of letters/);
    class NoTable extends RefreshTokenColumns {}
    expect(() => AuthModule.forRoot({ ...STAFF, entity: NoTable })).toThrow(/Write @RefreshTokenTable\(/);
    expect(() => AuthModule.forRoot({ ...STAFF, entity: HostUsers as never })).toThrow(/Write @RefreshTokenTable\(/);
  });
});

describe('the migrations for a further table', () => {
  for (const { name, available, create } of databases) {
    test.skipIf(!available)(`make what its entity describes, and go back, on ${name}`, async () => {
      const database = await create();
      onTestFinished(() => database.drop());
      const { entities, migrations } = TABLES;
      const dataSource = await new DataSource(database.options(entities, migrations)).initialize();
      onTestFinished(() => dataSource.destroy());
      const missing = async () => (await dataSource.driver.createSchemaBuilder().log()).upQueries;

      expect(await dataSource.runMigrations()).toHaveLength(migrations.length);
      expect(await missing()).toEqual([]);
      for (let undone = 0; undone < migrations.length; undone++) await dataSource.undoLastMigration();
      const queryRunner = dataSource.createQueryRunner();
      onTestFinished(() => queryRunner.release());
      expect(await queryRunner.hasTable('staff_refresh_tokens')).toBe(false);
      expect(await queryRunner.hasTable('refresh_tokens')).toBe(false);
    });
  }
});
