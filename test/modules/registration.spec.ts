import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import {
  AccessTokenService,
  AuthConfigurationError,
  AuthModule,
  type AuthModuleOptions,
  type AuthOptionsFactory,
  JwtAuthGuard,
  RefreshTokenService,
} from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Adapter, adapters, HostUsers, HostUsersModule, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login, refresh, send } from '../support/http.js';

const HOST = { imports: [HostUsersModule], userProvider: HostUsers };
const OPTIONS: AuthModuleOptions = { secret: SECRET, accessToken: { ttl: '7m' } };
const BOTH = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

const CONFIG = Symbol('CONFIG');

@Module({ providers: [{ provide: CONFIG, useValue: OPTIONS }], exports: [CONFIG] })
class ConfigModule {}

@Injectable()
class AuthConfig implements AuthOptionsFactory {
  createAuthOptions(): Promise<AuthModuleOptions> {
    return Promise.resolve(OPTIONS);
  }
}

@Module({ providers: [AuthConfig], exports: [AuthConfig] })
class AuthConfigModule {}

const ways: [string, () => DynamicModule][] = [
  ['forRoot', () => AuthModule.forRoot({ ...HOST, ...OPTIONS })],
  ['forRootAsync with useFactory', () => AuthModule.forRootAsync({ ...HOST, useFactory: () => OPTIONS })],
  [
    'forRootAsync with useFactory, inject and a promise',
    () =>
      AuthModule.forRootAsync({
        imports: [HostUsersModule, ConfigModule],
        userProvider: HostUsers,
        inject: [CONFIG],
        useFactory: async (config: AuthModuleOptions) => Promise.resolve(config),
      }),
  ],
  ['forRootAsync with useClass', () => AuthModule.forRootAsync({ ...HOST, useClass: AuthConfig })],
  [
    'forRootAsync with useExisting',
    () =>
      AuthModule.forRootAsync({
        imports: [HostUsersModule, AuthConfigModule],
        userProvider: HostUsers,
        useExisting: AuthConfig,
      }),
  ],
];

/** A host that has registered the library in its own way; closed after the test. */
async function host(adapter: Adapter, auth: DynamicModule, imports: (DynamicModule | Type)[] = [], name?: string) {
  const database = await databaseNamed('sqljs').create();
  const options = database.options(refreshTokenEntities, refreshTokenMigrations, {
    migrationsRun: true,
    logging: false,
  });
  const module = await Test.createTestingModule({
    imports: [TypeOrmModule.forRoot({ ...options, name }), ...imports, auth],
  }).compile();
  const app = module.createNestApplication(adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter());
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

for (const adapter of adapters) {
  describe(`the library is registered (${adapter})`, () => {
    test.each(ways)('by %s', async (_, register) => {
      const { url } = await host(adapter, register());
      const answer = await login(url, BOTH);
      expect(answer).toMatchObject({ status: 200, body: { expires_in: 7 * 60 } });
      expect((await refresh(url, answer.body.refresh_token)).status).toBe(200);
    });

    test('without its routes, by controllers: false', async () => {
      const { app, url } = await host(adapter, AuthModule.forRoot({ ...HOST, ...OPTIONS, controllers: false }));
      for (const [method, path] of [
        ['POST', 'login'],
        ['POST', 'refresh'],
        ['POST', 'logout'],
        ['POST', 'logout-all'],
        ['GET', 'sessions'],
        ['DELETE', 'sessions/1'],
        ['GET', 'me'],
      ]) {
        expect((await send(method, `${url}/auth/${path}`)).status, path).toBe(404);
      }
      const service = app.get(RefreshTokenService);
      const { refreshToken } = await service.issue({ id: 'user-alice', roles: ['user'] });
      const { accessToken } = await service.refresh(refreshToken);
      expect(app.get(AccessTokenService).verify(accessToken)).toMatchObject({ id: 'user-alice', generation: 1 });
    });

    test('on a data source with a name', async () => {
      const auth = AuthModule.forRoot({ ...HOST, ...OPTIONS, dataSource: 'sessions' });
      const { url } = await host(adapter, auth, [], 'sessions');
      expect((await login(url, BOTH)).status).toBe(200);
    });

    test('for those modules alone that import it, by isGlobal: false', async () => {
      const auth = AuthModule.forRoot({ ...HOST, ...OPTIONS, isGlobal: false });
      @Injectable()
      class Guarded {
        constructor(readonly guard: JwtAuthGuard) {}
      }
      @Module({ imports: [auth], providers: [Guarded] })
      class Importing {}
      @Module({ providers: [Guarded] })
      class NotImporting {}

      const { app } = await host(adapter, auth, [Importing]);
      expect(app.get(Guarded, { strict: false }).guard).toBeInstanceOf(JwtAuthGuard);
      await expect(host(adapter, auth, [NotImporting])).rejects.toThrow(/JwtAuthGuard/);
    });
  });
}

describe('what is missing is said at boot', () => {
  test('the user provider', () => {
    const register = () => AuthModule.forRoot({ ...OPTIONS } as Parameters<typeof AuthModule.forRoot>[0]);
    expect(register).toThrow(/userProvider is missing. Write AuthModule.forRoot\(\{/);
  });

  test.each([
    ['nothing', undefined, /AuthModule\.forRoot takes an object\. Write AuthModule\.forRoot\(\{/],
    ['an instance for the user provider', { userProvider: new HostUsers() }, /userProvider must be a class/],
    ['null for the user provider', { userProvider: null }, /userProvider is missing/],
    ['a text for controllers', { ...HOST, controllers: 'false' }, /controllers must be true or false/],
    ['a text for isGlobal', { ...HOST, isGlobal: 'false' }, /isGlobal must be true or false/],
  ])('as a host without types may give: %s', (_, given, message) => {
    const register = () => AuthModule.forRoot((given && { ...OPTIONS, ...given }) as never);
    expect(register).toThrow(AuthConfigurationError);
    expect(register).toThrow(message);
  });

  const useFactory = () => OPTIONS;
  test.each([
    ['nothing', undefined, /AuthModule\.forRootAsync takes an object/],
    ['no factory', HOST, /takes one of: useFactory, useClass, useExisting/],
    [
      'a misspelled name',
      { ...HOST, useFactory, contollers: false },
      /"contollers" is not known next to the factory.*controllers/,
    ],
    ['an option', { ...HOST, useFactory, accessToken: {} }, /"accessToken" is not known next to the factory/],
  ])('beside a factory: %s', (_, given, message) => {
    const register = () => AuthModule.forRootAsync(given as never);
    expect(register).toThrow(AuthConfigurationError);
    expect(register).toThrow(message);
  });

  test('what a factory returns that stands beside it', async () => {
    const auth = AuthModule.forRootAsync({ ...HOST, useFactory: () => ({ ...OPTIONS, controllers: false }) });
    await expect(host('express', auth)).rejects.toThrow('controllers decides the shape of the module. Write it next');
  });

  test('the module that exports the user provider', async () => {
    const auth = AuthModule.forRoot({ ...OPTIONS, userProvider: HostUsers });
    await expect(host('express', auth)).rejects.toThrow(/HostUsers/);
  });

  test('the options of a factory that returns none', async () => {
    const auth = AuthModule.forRootAsync({ ...HOST, useFactory: () => undefined as unknown as AuthModuleOptions });
    await expect(host('express', auth)).rejects.toThrow(/secret is missing/);
  });

  test('a factory that fails is not swallowed', async () => {
    const useFactory = () => Promise.reject<AuthModuleOptions>(new Error('no such variable'));
    await expect(host('express', AuthModule.forRootAsync({ ...HOST, useFactory }))).rejects.toThrow('no such variable');
  });
});
