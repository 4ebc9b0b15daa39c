import { type ModuleEdit, relativePath } from '../edit/module-edit.js';
import type { Project } from '../edit/project.js';
import { SourceEdit } from '../edit/source-edit.js';
import type { Host } from './host.js';
import { as, type Names } from './names.js';
import { database, sessionTable, type Tables, typeOrmModule } from './user-provider-templates.js';

const PACKAGE = 'nestjs-refresh-token/typeorm';

/** The calls that create a data source: in a Nest module, and anywhere. */
const IN_NEST = ['TypeOrmModule.forRoot', 'TypeOrmModule.forRootAsync'];
const MAKERS = [...IN_NEST, 'DataSource'];

/** Their commands drop tables that they do not know. */
const DROP_TABLES = ['Prisma', 'Drizzle'];

/**
 * Adds the table of sessions to each data source of the application, or creates one if it has no data source. It
 * skips a data source with a name, because the library uses the one without.
 *
 * @returns messages about what remains to be done by hand, or to be checked
 */
export function addTable(project: Project, module: ModuleEdit, names: Names, host: Host): string[] {
  const tables = tablesFor(project, module, names);
  const { path: modulePath } = project.rootModule;
  const files = project
    .sources(/TypeOrmModule|DataSource/)
    .map((path) => ({ path, source: path === modulePath ? module.source : new SourceEdit(project.read(path)) }))
    .filter(({ source }) => MAKERS.some((maker) => source.calls(maker)));
  if (files.length === 0) return createDataSource(project, module, names, { tables, host });
  const isInNest = files.some(({ source }) => IN_NEST.some((maker) => source.calls(maker)));
  const byHand = files.filter(({ path, source }) => !addTo(project, path, source, tables)).map(({ path }) => path);
  for (const { path, source } of files) if (source !== module.source) project.write(path, source.toString());
  const toAdd = `...${tables.entities} to the entities, and ...${tables.migrations} to the migrations, by hand. Import both from ${tables.from}.`;
  return [
    ...byHand.map((path) => `${path}: add ${toAdd}`),
    ...(isInNest
      ? []
      : [`No TypeOrmModule.forRoot was found in ${project.sourceRoot}. Import one that has this table.`]),
  ];
}

function tablesFor(project: Project, module: ModuleEdit, { ownTable, users }: Names): Tables {
  if (!ownTable) {
    return { entities: 'refreshTokenEntities', migrations: 'refreshTokenMigrations', from: PACKAGE, isFile: false };
  }
  const file = `${users.file}/refresh-token-session.entity`;
  project.createOnce(`${project.sourceRoot}/${file}.ts`, sessionTable);
  module.importFile(['RefreshTokenSession'], file);
  return { entities: 'sessionEntities', migrations: 'sessionMigrations', from: file, isFile: true };
}

function createDataSource(
  project: Project,
  module: ModuleEdit,
  names: Names,
  { tables, host }: { tables: Tables; host: Host },
): string[] {
  const path = `${project.sourceRoot}/${names.database.file}.ts`;
  project.createOnce(path, database(names, { ...tables, from: importPath(project, path, tables) }));
  module.addToList('imports', typeOrmModule(names));
  module.source.import([as('TypeOrmModule', names.local.typeOrmModule)], '@nestjs/typeorm');
  module.importFile([names.database.function], names.database.file);
  const created = `No data source without a name was found in ${project.sourceRoot}, so one was created: ${path}.`;
  const others = host.databaseLibraries.join(' and ');
  const variable = names.databaseVariable;
  project.addLine('.env.example', `${variable}=`, '# postgres://…; empty: an embedded database', `${variable}=`);
  return [
    others === ''
      ? `${created} It reads ${variable}.`
      : `${created} The sessions need TypeORM; this application uses ${others}, which stays as it is. ` +
        `Give the sessions a database of their own in ${variable}: PostgreSQL, or empty for an embedded one.${apart(host)}`,
  ];
}

function apart({ databaseLibraries }: Host): string {
  const dropping = databaseLibraries.filter((title) => DROP_TABLES.includes(title)).join(' and ');
  if (dropping === '') return '';
  return (
    ` In the database of ${dropping}, also give them a schema of their own (create it, and add schema: 'auth' to the data source), ` +
    `because the commands of ${dropping} drop tables that they do not know.`
  );
}

function importPath({ extension, sourceRoot }: Project, path: string, { from, isFile }: Tables): string {
  return isFile ? `${relativePath(path, `${sourceRoot}/${from}`)}${extension}` : from;
}

/** @returns `false` if the source has a data source that cannot be edited */
function addTo(project: Project, path: string, source: SourceEdit, tables: Tables): boolean {
  const { entities, migrations } = tables;
  const present = MAKERS.filter((maker) => source.calls(maker));
  const made = present.filter((maker) => source.addToList(maker, 'entities', `...${entities}`));
  const names = made.length > 0 ? [entities] : [];
  const migrated = made.filter((maker) => source.addToList(maker, 'migrations', `...${migrations}`));
  if (migrated.length > 0) names.push(migrations);
  if (names.length > 0) source.import(names, importPath(project, path, tables));
  // With TypeOrmModule options in the same file, a `new DataSource` may be a factory that uses these options.
  return migrated.length > 0 && present.every((maker) => maker === 'DataSource' || migrated.includes(maker));
}
