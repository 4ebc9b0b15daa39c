import type { ModuleEdit } from '../edit/module-edit.js';
import type { Project } from '../edit/project.js';
import { SourceEdit } from '../edit/source-edit.js';
import { database, type LocalNames, typeOrmModule } from './user-provider-templates.js';

/** The calls that create a data source: in a Nest module, and anywhere. */
const IN_NEST = ['TypeOrmModule.forRoot', 'TypeOrmModule.forRootAsync'];
const MAKERS = [...IN_NEST, 'DataSource'];

/**
 * Adds the table of sessions to each data source of the application, or creates one if it has no data source. It
 * skips a data source with a name, because the library uses the one without.
 *
 * @returns messages about what remains to be done by hand, or to be checked
 */
export function addTable(project: Project, module: ModuleEdit, names: LocalNames): string[] {
  const files = project
    .sources(/TypeOrmModule|DataSource/)
    .map((path) => ({ path, source: path === project.modulePath ? module.source : sourceAt(project, path) }))
    .filter(({ source }) => MAKERS.some((maker) => source.calls(maker)));
  if (files.length === 0) {
    const path = `${project.sourceRoot}/database-options.ts`;
    project.createOnce(path, database());
    module.addToList('imports', typeOrmModule(names));
    module.source
      .import(['TypeOrmModule'], '@nestjs/typeorm')
      .import(['databaseOptions'], `./database-options${project.extension}`);
    return [`No data source without a name was found in ${project.sourceRoot}, so one was created: ${path}`];
  }
  const isInNest = files.some(({ source }) => IN_NEST.some((maker) => source.calls(maker)));
  const byHand = files.filter(({ source }) => !addTo(source)).map(({ path }) => path);
  for (const { path, source } of files) if (source !== module.source) project.edit(path, source.toString());
  const toAdd =
    '...refreshTokenEntities to the entities, and ...refreshTokenMigrations to the migrations, by hand. Import both from nestjs-refresh-token/typeorm.';
  return [
    ...byHand.map((path) => `${path}: add ${toAdd}`),
    ...(isInNest
      ? []
      : [`No TypeOrmModule.forRoot was found in ${project.sourceRoot}. Import one that has this table.`]),
  ];
}

const sourceAt = (project: Project, path: string) => new SourceEdit(project.tree.readText(path));

/** @returns `false` if the source has a data source that cannot be edited */
function addTo(source: SourceEdit): boolean {
  const present = MAKERS.filter((maker) => source.calls(maker));
  const made = present.filter((maker) => source.addToList(maker, 'entities', '...refreshTokenEntities'));
  const names = made.length > 0 ? ['refreshTokenEntities'] : [];
  const migrated = made.filter((maker) => source.addToList(maker, 'migrations', '...refreshTokenMigrations'));
  if (migrated.length > 0) names.push('refreshTokenMigrations');
  if (names.length > 0) source.import(names, 'nestjs-refresh-token/typeorm');
  // With TypeOrmModule options in the same file, a `new DataSource` may be a factory that uses these options.
  return migrated.length > 0 && present.every((maker) => maker === 'DataSource' || migrated.includes(maker));
}
