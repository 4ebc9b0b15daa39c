/** Templates for the files of `nest add`. The parameter is the extension of relative imports. */

export const usersService = () => `import { Injectable } from '@nestjs/common';
import type { AuthUser, UserProvider } from 'nestjs-refresh-token';

/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/require-await -- until it is implemented */

/** Decides who may sign in. As generated, it rejects everyone. */
@Injectable()
export class AuthUsersService implements UserProvider {
  /**
   * TODO: return the user with this name and password. Return null for wrong credentials and for disabled users.
   * Store passwords as Argon2id hashes, and take as long for unknown names as for known ones.
   */
  async validateCredentials(
    username: string,
    password: string,
  ): Promise<AuthUser | null> {
    return null;
  }

  /**
   * TODO: return the current { id, roles } of the user. Return null if the user is unknown or disabled: that ends the
   * session. Called at each refresh.
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

/** PostgreSQL at this URL. Without a URL, an embedded PostgreSQL in the folder .database, for one process. */
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

/** The local names of the imports in the application module. They differ from the original names if those are taken. */
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
