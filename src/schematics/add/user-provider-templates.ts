import { WIDTH } from '../edit/insertion.js';
import { type Names, OWN_SESSION_TABLE } from './names.js';

/** Templates for the files of `nest add`, in the style of the Nest CLI. */

export const usersService = ({ users }: Names) => `import { Injectable } from '@nestjs/common';
import type { AuthUser, UserProvider } from 'nestjs-refresh-token';

/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/require-await -- until it is implemented */

/** Decides who may sign in. As generated, it rejects everyone. */
@Injectable()
export class ${users.className}Service implements UserProvider {
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
   * session. Called at each refresh. The id is a string, so write String(user.id) for a number.
   */
  async loadUser(id: string): Promise<AuthUser | null> {
    return null;
  }
}
`;

export const usersModule = ({ users }: Names, extension: string) => `import { Module } from '@nestjs/common';
import { ${users.className}Service } from './${users.file}.service${extension}';

@Module({
  providers: [${users.className}Service],
  exports: [${users.className}Service],
})
export class ${users.className}Module {}
`;

/** For an application whose own table has the name of ours. */
export const sessionTable = `import {
  CreateRefreshTokens1790000000000,
  RefreshToken,
  RefreshTokenColumns,
  refreshTokenEntities,
  refreshTokenMigrations,
  refreshTokenMigrationsFor,
  RefreshTokenTable,
} from 'nestjs-refresh-token/typeorm';

/** The sessions. The table refresh_tokens belongs to another entity of this application. */
@RefreshTokenTable('${OWN_SESSION_TABLE}')
export class RefreshTokenSession extends RefreshTokenColumns {}

export const sessionEntities = [
  ...refreshTokenEntities.filter((entity) => entity !== RefreshToken),
  RefreshTokenSession,
];

export const sessionMigrations = [
  ...refreshTokenMigrations.filter(
    (migration) => migration !== CreateRefreshTokens1790000000000,
  ),
  ...refreshTokenMigrationsFor(RefreshTokenSession),
];
`;

/** Where the lists of the entities and migrations come from. */
export interface Tables {
  readonly entities: string;
  readonly migrations: string;
  /** A package, or a file below the folder of the sources. */
  readonly from: string;
  readonly isFile: boolean;
}

export const database = (
  names: Names,
  { entities, migrations, from }: Tables,
) => `import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
${importOf([entities, migrations], from)}

/** PostgreSQL at this URL. Without a URL, an embedded PostgreSQL in the folder .database, for one process. */
${signature(names.database.function)}
  return {
    ...(url
      ? { type: 'postgres' as const, url }
      : pgliteDataSourceOptions({ dataDir: '.database' })),
    autoLoadEntities: true,
    entities: ${entities},
    migrations: ${migrations},
    migrationsRun: true,
  };
}
`;

/** The width of the Nest scaffold decides. */
function signature(name: string): string {
  const line = `export function ${name}(url: string | undefined): TypeOrmModuleOptions {`;
  const lines = `export function ${name}(\n  url: string | undefined,\n): TypeOrmModuleOptions {`;
  return line.length <= WIDTH ? line : lines;
}

function importOf(names: string[], from: string): string {
  const line = `import { ${names.join(', ')} } from '${from}';`;
  return line.length <= WIDTH ? line : `import {\n${names.map((name) => `  ${name},\n`).join('')}} from '${from}';`;
}

export const configModule = ({ local }: Names) => `${local.configModule}.forRoot({
  isGlobal: true,
})`;

export const typeOrmModule = ({ local, database, databaseVariable }: Names) => `${local.typeOrmModule}.forRootAsync({
  imports: [${local.configModule}],
  inject: [${local.configService}],
  useFactory: (config: ${local.configService}) =>
    ${database.function}(config.get<string>('${databaseVariable}')),
})`;

export const authModule = ({ local, users, routePrefix, ownTable }: Names) => `${local.authModule}.forRootAsync({
  imports: [${local.configModule}, ${users.className}Module],
  userProvider: ${users.className}Service,${routePrefix === 'auth' ? '' : `\n  routePrefix: '${routePrefix}',`}${ownTable ? '\n  entity: RefreshTokenSession,' : ''}
  inject: [${local.configService}],
  useFactory: (config: ${local.configService}) => ({
    secret: config.getOrThrow<string>('AUTH_SECRET'),
  }),
})`;

export const filter = ({ local }: Names) => `{ provide: APP_FILTER, useClass: ${local.authExceptionFilter} }`;
