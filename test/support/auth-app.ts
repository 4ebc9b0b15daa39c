import { type INestApplication, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { HttpsOptions } from '@nestjs/common/interfaces/external/https-options.interface.js';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type AuthEvent,
  AuthEventBus,
  AuthModule,
  type AuthModuleExtras,
  type AuthModuleOptions,
  type AuthUser,
  Clock,
  RefreshTokenService,
  type UserProvider,
} from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { type DataSource, DataSource as TypeOrmDataSource, type DataSourceOptions } from 'typeorm';
import type { TestDatabase } from './databases.js';

export const SECRET = 'kX9-test-only-Zp2vQ7mB4nT8wL1cR6yH3jF5';

/** A clock that stands still until it is moved. */
export class ManualClock extends Clock {
  time = Date.UTC(2026, 0, 1);

  /** Whole milliseconds, as the clock of a machine. */
  override now(): number {
    return Math.round(this.time);
  }

  override async sleep(milliseconds: number): Promise<void> {
    this.time += milliseconds;
  }

  advance(milliseconds: number): void {
    this.time += milliseconds;
  }
}

/** The host's users; each method can be replaced by one that throws, hangs or waits. */
@Injectable()
export class HostUsers implements UserProvider {
  readonly users = new Map<string, AuthUser>([
    ['alice', { id: 'user-alice', roles: ['user'] }],
    ['bob', { id: 'user-bob', roles: ['user'] }],
    ['admin', { id: 'user-admin', roles: ['user', 'admin'], permissions: ['users:write'] }],
  ]);

  validateCredentials = async (username: string, password: string): Promise<AuthUser | null> =>
    (password === `${username}-password` && this.users.get(username)) || null;

  reauthenticate = async (id: string, password: string): Promise<AuthUser | null> => {
    const [username, user] = [...this.users].find(([, user]) => user.id === id) ?? [];
    return user && password === `${username}-password` ? user : null;
  };

  loadUser = async (id: string): Promise<AuthUser | null> =>
    [...this.users.values()].find((user) => user.id === id) ?? null;
}

@Module({ providers: [HostUsers], exports: [HostUsers] })
export class HostUsersModule {}

export interface AuthSetup extends Pick<ModuleMetadata, 'imports' | 'controllers' | 'providers'> {
  /** Without the secret, which has a default here. */
  options?: Partial<AuthModuleOptions> & Omit<AuthModuleExtras, 'imports' | 'userProvider'>;
  /** By default one that stands still. */
  clock?: Clock;
  dataSource?: Partial<DataSourceOptions>;
  /** Instead of the host's users as they are. */
  users?: HostUsers;
  /** `AuthModule` comes before `TypeOrmModule` in the imports of the host. */
  importedFirst?: boolean;
}

export interface AuthContext {
  module: TestingModule;
  service: RefreshTokenService;
  users: HostUsers;
  clock: ManualClock;
  dataSource: DataSource;
  /** Everything that has been published. */
  events: AuthEvent[];
  close(): Promise<void>;
}

/** The library in a host without HTTP. */
export async function createAuthContext(database: TestDatabase, setup: AuthSetup = {}): Promise<AuthContext> {
  const module = await compile(database, setup);
  await module.init();
  return contextOf(module, () => module.close());
}

export interface AuthApp extends AuthContext {
  app: INestApplication;
  url: string;
}

export type Adapter = 'express' | 'fastify';
export const adapters: Adapter[] = ['express', 'fastify'];

/** The library in a host that listens. */
export async function createAuthApp(
  adapter: Adapter,
  database: TestDatabase,
  setup: AuthSetup & {
    configure?: (app: INestApplication) => void;
    trustProxy?: boolean | string;
    https?: HttpsOptions;
  } = {},
): Promise<AuthApp> {
  const module = await compile(database, setup);
  const { trustProxy = false, https } = setup;
  const express = new ExpressAdapter();
  express.set('trust proxy', trustProxy);
  const fastify = () => new FastifyAdapter(https ? { trustProxy, https } : { trustProxy });
  const app = module.createNestApplication(adapter === 'express' ? express : fastify(), { httpsOptions: https });
  setup.configure?.(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl(), ...contextOf(module, () => app.close()) };
}

function compile(database: TestDatabase, setup: AuthSetup): Promise<TestingModule> {
  const { options, clock = new ManualClock(), dataSource, imports = [], controllers, providers } = setup;
  const typeOrm = TypeOrmModule.forRootAsync({
    useFactory: () => database.options(refreshTokenEntities, refreshTokenMigrations, dataSource),
    // Migrated before the module is made, as an application in production is.
    dataSourceFactory: async (given) => {
      const source = await new TypeOrmDataSource(given!).initialize();
      await source.runMigrations();
      return source;
    },
  });
  const auth = AuthModule.forRoot({
    imports: [HostUsersModule],
    userProvider: HostUsers,
    secret: SECRET,
    purge: { interval: '0s' },
    ...options,
  });
  const builder = Test.createTestingModule({
    controllers,
    providers,
    imports: [...(setup.importedFirst ? [auth, typeOrm] : [typeOrm, auth]), HostUsersModule, ...imports],
  })
    .overrideProvider(Clock)
    .useValue(clock);
  return (setup.users ? builder.overrideProvider(HostUsers).useValue(setup.users) : builder).compile();
}

function contextOf(module: TestingModule, close: () => Promise<void>): AuthContext {
  const events: AuthEvent[] = [];
  module.get(AuthEventBus).subscribe((event) => void events.push(event));
  return {
    module,
    service: module.get(RefreshTokenService),
    users: module.get(HostUsers),
    clock: module.get(Clock),
    dataSource: module.get(TypeOrmDataSource),
    events,
    close,
  };
}
