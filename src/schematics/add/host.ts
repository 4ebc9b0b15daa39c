import ts from 'typescript';
import { Constants, type Texts } from '../edit/constants.js';
import type { Project } from '../edit/project.js';
import { callsOf, classesOf, decoratorOf, importedFrom, nameOf, parsed } from '../edit/syntax.js';
import { type Found, type Routes, routesOf, trimmed } from './routes.js';

/** What an application already has that concerns sign-in. */
export interface Host extends Routes {
  /** Passport strategies, by the name under which Passport knows them. */
  readonly strategies: Found[];
  readonly jwtGuards: Found[];
  readonly globalGuards: Found[];
  readonly userServices: Found[];
  readonly userEntities: Found[];
  /** The tables of TypeORM entities. */
  readonly tables: Found[];
  /** The entities whose table could not be read. */
  readonly unreadTables: Found[];
  /** Other packages that reach a database: `Prisma`. */
  readonly databaseLibraries: string[];
  readonly globalPrefix: string;
  readonly isVersioned: boolean;
  /** The file that calls `ConfigModule.forRoot`, and whether that reads `.env`. */
  readonly config: { path: string; readsEnvFile: boolean } | undefined;
}

const DATABASE_LIBRARIES = {
  '@mikro-orm/core': 'MikroORM',
  '@prisma/client': 'Prisma',
  mongoose: 'Mongoose',
  sequelize: 'Sequelize',
  'drizzle-orm': 'Drizzle',
  kysely: 'Kysely',
  knex: 'Knex',
};

/** The names that strategies have if the application gives none. */
const STRATEGY_NAMES: Record<string, string> = {
  'passport-jwt': 'jwt',
  'passport-local': 'local',
  'passport-http-bearer': 'bearer',
  'passport-http': 'basic',
  'passport-google-oauth20': 'google',
  'passport-github2': 'github',
};

/** Reads the sources of an application. */
export function hostOf(project: Project): Host {
  const constants = new Constants(project);
  const files = project
    .sources(/PassportStrategy|AuthGuard|APP_GUARD|useGlobalGuards|class Users?(Service|Entity)?\b|@Entity/)
    .map((path) => ({ path, source: constants.sourceOf(path) }));
  const each = (names: (source: ts.SourceFile) => string[]) =>
    files.flatMap(({ path, source }) => names(source).map((name) => ({ name, path })));
  const main = project.sources(/setGlobalPrefix|enableVersioning/).map((path) => project.read(path));
  return {
    ...routesOf(project, constants),
    strategies: each((source) => classesOf(source).flatMap((declared) => strategyOf(declared, source))),
    jwtGuards: each((source) => classesOf(source).filter(isJwtGuard).map(nameOf)),
    globalGuards: each((source) => (hasGlobalGuard(source) ? ['global guard'] : [])),
    userServices: each((source) =>
      classesOf(source)
        .map(nameOf)
        .filter((name) => /^Users?Service$/.test(name)),
    ),
    userEntities: each((source) =>
      classesOf(source)
        .filter((declared) => decoratorOf(declared, 'Entity'))
        .map(nameOf)
        .filter((name) => /^Users?(Entity)?$/.test(name)),
    ),
    tables: each((source) => classesOf(source).flatMap((declared) => tablesOf(declared, constants).read)),
    unreadTables: each((source) =>
      classesOf(source)
        .filter((declared) => !tablesOf(declared, constants).isComplete)
        .map(nameOf),
    ),
    databaseLibraries: Object.entries(DATABASE_LIBRARIES)
      .filter(([name]) => project.has(name))
      .map(([, title]) => title),
    globalPrefix: main.flatMap(globalPrefixesOf).at(0) ?? '',
    isVersioned: main.some((text) => text.includes('enableVersioning(')),
    config: configOf(project),
  };
}

function strategyOf(declared: ts.ClassDeclaration, source: ts.SourceFile): string[] {
  const base = declared.heritageClauses?.flatMap(({ types }) => [...types]).at(0)?.expression;
  if (!base || !ts.isCallExpression(base) || base.expression.getText() !== 'PassportStrategy') return [];
  const [strategy, name] = base.arguments;
  if (name) return [ts.isStringLiteralLike(name) ? name.text : name.getText()];
  const from = strategy && importedFrom(strategy.getText(), source)?.from;
  return [(from && STRATEGY_NAMES[from]) ?? nameOf(declared)];
}

function isJwtGuard(declared: ts.ClassDeclaration): boolean {
  const base = declared.heritageClauses?.map((clause) => clause.getText()).join(' ') ?? '';
  return nameOf(declared) === 'JwtAuthGuard' || /AuthGuard\(\s*\[?\s*['"]jwt['"]/.test(base);
}

function hasGlobalGuard(source: ts.SourceFile): boolean {
  const isProvided = /provide:\s*APP_GUARD/.test(source.text);
  return isProvided || source.text.includes('.useGlobalGuards(');
}

/** The table of an entity; none for another class. */
function tablesOf(declared: ts.ClassDeclaration, constants: Constants): Texts {
  const given = decoratorOf(declared, 'Entity');
  if (!given) return { read: [], isComplete: true };
  const { read, isComplete } = constants.textsIn(given.at(0), 'name');
  const snake = nameOf(declared).replace(/(?<=[a-z\d])(?=[A-Z])/g, '_');
  return { read: read.length === 0 ? [snake.toLowerCase()] : read, isComplete };
}

function globalPrefixesOf(text: string): string[] {
  const found = /\.setGlobalPrefix\(\s*['"`]([^'"`$]+)['"`]/.exec(text)?.[1];
  return found === undefined ? [] : [trimmed(found)];
}

function configOf(project: Project): Host['config'] {
  for (const path of project.sources(/ConfigModule/)) {
    const source = parsed(project.read(path));
    const isNests = importedFrom('ConfigModule', source)?.from === '@nestjs/config';
    const [call] = isNests ? callsOf('ConfigModule.forRoot', source) : [];
    if (!call) continue;
    const text = call.arguments?.map((argument) => argument.getText()).join() ?? '';
    const files = /envFilePath:\s*(\[[^\]]*\]|[^,}]+)/.exec(text)?.[1];
    const readsEnvFile = !/ignoreEnvFile:\s*true/.test(text) && (files === undefined || /['"`/]\.env['"`]/.test(files));
    return { path, readsEnvFile };
  }
  return undefined;
}
