import type { Project } from '../edit/project.js';
import { SourceEdit } from '../edit/source-edit.js';
import { isTaken, parsed } from '../edit/syntax.js';
import type { Host } from './host.js';

/** The names of what is written. They differ from the usual ones where the application has those. */
export interface Names {
  /** The user provider: `AuthUsers` and `auth-users`. */
  readonly users: { readonly className: string; readonly file: string };
  readonly database: { readonly function: string; readonly file: string };
  /** The variable with the URL of the database. */
  readonly databaseVariable: string;
  readonly routePrefix: string;
  /** Whether the application has a table with the name of ours. */
  readonly ownTable: boolean;
  /** The local names of the imports in the root module. */
  readonly local: LocalNames;
}

export interface LocalNames {
  authModule: string;
  authExceptionFilter: string;
  configModule: string;
  configService: string;
  typeOrmModule: string;
}

export const SESSION_TABLE = 'refresh_tokens';
/** Where the sessions are if the application has a table of that name. */
export const OWN_SESSION_TABLE = 'refresh_token_sessions';
const OTHER_TABLES = ['auth_events', 'session_locks', 'used_dpop_proofs'];

/** The tables that are created. */
export const tablesWith = ({ ownTable }: Pick<Names, 'ownTable'>) => [
  ownTable ? OWN_SESSION_TABLE : SESSION_TABLE,
  ...OTHER_TABLES,
];

const PREFIXES = ['auth', 'session', 'user-session', 'refresh-token-session'];
const USERS = ['AuthUsers', 'SessionUsers', 'RefreshTokenUsers'];
const DATABASES = ['databaseOptions', 'sessionDatabaseOptions', 'refreshTokenDatabaseOptions'];

/** Chooses names that the application does not have. */
export function namesFor(project: Project, host: Host, routePrefix: string | undefined): Names {
  const rootModule = project.read(project.rootModule.path);
  const source = parsed(rootModule);
  const first = (names: string[], isFree: (name: string) => boolean) => names.find(isFree) ?? names[0];
  const users = first(USERS, (name) => {
    const file = fileOf(project, name);
    if (project.exists(file)) return isUserProvider(project.read(file));
    return !['Service', 'Module'].some((end) => isTaken(`${name}${end}`, source));
  });
  const database = first(DATABASES, (name) => {
    const file = `${project.sourceRoot}/${kebab(name)}.ts`;
    return project.exists(file) ? project.read(file).includes(`function ${name}(`) : !isTaken(name, source);
  });
  return {
    users: { className: users, file: kebab(users) },
    database: { function: database, file: kebab(database) },
    databaseVariable: isUsed(project, host, 'DATABASE_URL') ? 'AUTH_DATABASE_URL' : 'DATABASE_URL',
    routePrefix: routePrefix ?? first(PREFIXES, (prefix) => !host.routes.some(({ name }) => isBelow(name, prefix))),
    ownTable: host.tables.some(({ name }) => name === SESSION_TABLE),
    local: localNames(new SourceEdit(rootModule)),
  };
}

export const kebab = (name: string) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();

/** Whether a path is this one, or below it. */
export const isBelow = (path: string, prefix: string) => path === prefix || path.startsWith(`${prefix}/`);

const fileOf = ({ sourceRoot }: Project, users: string) => `${sourceRoot}/${kebab(users)}/${kebab(users)}.service.ts`;

/** Written by an earlier run, or by hand for this package. */
const isUserProvider = (text: string) => /UserProvider|loadUser/.test(text);

/** Where other libraries name the variable with their database. */
const ENVIRONMENT = ['.env', 'prisma/schema.prisma', 'prisma.config.ts', 'drizzle.config.ts'];

/** Whether the application itself uses this variable, for another library. */
function isUsed(project: Project, { databaseLibraries }: Host, name: string): boolean {
  const used = new RegExp(`\\b${name}\\b`);
  const environment = ENVIRONMENT.filter((path) => project.exists(path));
  const isSet = databaseLibraries.length > 0 && environment.some((path) => used.test(project.read(path)));
  return isSet || project.sources(used).length > 0;
}

/** An import under its local name. */
export const as = (name: string, local: string) => (name === local ? name : `${name} as ${local}`);

/** An application may have its own `AuthModule`, so imports may need another local name. */
function localNames(module: SourceEdit): LocalNames {
  return {
    authModule: module.nameOf('AuthModule', 'nestjs-refresh-token', 'RefreshTokenModule'),
    authExceptionFilter: module.nameOf('AuthExceptionFilter', 'nestjs-refresh-token', 'RefreshTokenExceptionFilter'),
    configModule: module.nameOf('ConfigModule', '@nestjs/config', 'NestConfigModule'),
    configService: module.nameOf('ConfigService', '@nestjs/config', 'NestConfigService'),
    typeOrmModule: module.nameOf('TypeOrmModule', '@nestjs/typeorm', 'NestTypeOrmModule'),
  };
}
