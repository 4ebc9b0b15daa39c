/** The files of `nest add`, each with the end of its relative imports. */

export const usersService = () => `import { Injectable } from '@nestjs/common';
import type { AuthUser, UserProvider } from 'nestjs-refresh-token';

/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/require-await -- until it is filled in */

/** Who may sign in. As it is, nobody can. */
@Injectable()
export class AuthUsersService implements UserProvider {
  /**
   * TODO: return the user with this name and password, and null for everybody else, the disabled among them.
   * Keep passwords as hashes of Argon2id, and let unknown names take as long as known ones.
   */
  async validateCredentials(
    username: string,
    password: string,
  ): Promise<AuthUser | null> {
    return null;
  }

  /**
   * TODO: return the user as they are now, { id, roles }; null, which ends the session, for the unknown and the disabled.
   * Asked at each refresh.
   */
  async loadUser(id: string): Promise<AuthUser | null> {
    return null;
  }
}
`;

export const usersModule = (extension: string) => `import { Module } from '@nestjs/common';
import { AuthUsersService } from './auth-users.service${extension}';

@Module({ providers: [AuthUsersService], exports: [AuthUsersService] })
export class AuthUsersModule {}
`;

export const database = () => `import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import {
  refreshTokenEntities,
  refreshTokenMigrations,
} from 'nestjs-refresh-token/typeorm';

/** PostgreSQL at this URL; without one an embedded PostgreSQL in the folder .database, for one process. */
export function databaseOptions(url: string | undefined): TypeOrmModuleOptions {
  return {
    ...(url
      ? { type: 'postgres' as const, url }
      : pgliteDataSourceOptions({ dataDir: '.database' })),
    autoLoadEntities: true,
    entities: refreshTokenEntities,
    migrations: refreshTokenMigrations,
    migrationsRun: true,
  };
}
`;

/** What the imports are called in the module of the application; some of it by another name than its own. */
export interface LocalNames {
  authModule: string;
  authExceptionFilter: string;
  configModule: string;
  configService: string;
}

export const configModule = ({ configModule }: LocalNames) => `${configModule}.forRoot({
      isGlobal: true,
    })`;

export const typeOrmModule = ({ configModule, configService }: LocalNames) => `TypeOrmModule.forRootAsync({
      imports: [${configModule}],
      inject: [${configService}],
      useFactory: (config: ${configService}) =>
        databaseOptions(config.get<string>('DATABASE_URL')),
    })`;

export const authModule = ({ authModule, configModule, configService }: LocalNames) => `${authModule}.forRootAsync({
      imports: [${configModule}, AuthUsersModule],
      userProvider: AuthUsersService,
      inject: [${configService}],
      useFactory: (config: ${configService}) => ({
        secret: config.getOrThrow<string>('AUTH_SECRET'),
      }),
    })`;

export const filter = ({ authExceptionFilter }: LocalNames) =>
  `{ provide: APP_FILTER, useClass: ${authExceptionFilter} }`;
