import { randomBytes } from 'node:crypto';
import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { ModuleEdit } from '../edit/module-edit.js';
import { Project } from '../edit/project.js';
import { SourceEdit } from '../edit/source-edit.js';
import { addTable } from './add-table.js';
import { type Host, hostOf } from './host.js';
import { startEmbeddedDatabaseInJest } from './jest.js';
import { as, type Names, namesFor } from './names.js';
import { neededPackages } from './packages.js';
import { conflicts, done, found, left } from './report.js';
import { authModule, configModule, filter, usersModule, usersService } from './user-provider-templates.js';

interface AddOptions {
  sourceRoot?: string;
  project?: string;
  routePrefix?: string;
  /** The Nest CLI passes its own options on. It takes the word after this flag as its value, so it may be a string. */
  skipInstall?: boolean | string;
}

/** `nest add nestjs-refresh-token`. It does not change existing files of its own, so it can be run again. */
export function add({ skipInstall = false, routePrefix, ...where }: AddOptions): Rule {
  return async (tree: Tree, context: SchematicContext) => {
    const project = new Project(tree, where);
    const isNew = !isRegistered(project);
    const host = hostOf(project);
    const names = namesFor(project, host, checkedPrefix(routePrefix));
    const byHand = isNew ? register(project, names, host) : [];
    byHand.push(...addVariables(project));
    const packages = project.addDependencies(neededPackages(project));
    if (packages.length > 0 && (skipInstall === false || skipInstall === 'false')) context.addTask(installTask());
    startEmbeddedDatabaseInJest(project);
    await project.format();
    for (const line of done(project, isNew ? names : undefined, packages)) context.logger.info(line);
    if (isNew) for (const line of found(host, names)) context.logger.info(line);
    if (isNew) byHand.push(...conflicts(host, names));
    for (const line of byHand) context.logger.warn(line);
    if (isNew) for (const line of left(project, host, names)) context.logger.info(line);
  };
}

function checkedPrefix(prefix: string | undefined): string | undefined {
  if (prefix === undefined || /^[\w-]+(\/[\w-]+)*$/.test(prefix)) return prefix;
  throw new Error('--route-prefix must be a path like account/session, without a slash at its ends.');
}

/** Whether any file of the application registers the module. */
function isRegistered(project: Project): boolean {
  return project.sources(/nestjs-refresh-token/).some((path) => {
    const source = new SourceEdit(project.read(path));
    const name = source.nameOf('AuthModule', 'nestjs-refresh-token', '');
    return ['forRoot', 'forRootAsync'].some((method) => source.calls(`${name}.${method}`));
  });
}

/** @returns messages about what remains to be done by hand, or to be checked */
function register(project: Project, names: Names, host: Host): string[] {
  const { sourceRoot } = project;
  const { local, users } = names;
  project.createOnce(`${sourceRoot}/${users.file}/${users.file}.service.ts`, usersService(names));
  project.createOnce(`${sourceRoot}/${users.file}/${users.file}.module.ts`, usersModule(names, project.extension));
  const module = new ModuleEdit(project);
  if (!host.config) module.addToList('imports', configModule(names));
  const byHand = addTable(project, module, names, host);
  module.addToList('imports', authModule(names));
  module.addToList('providers', filter(names));
  module.source
    .import([as('ConfigModule', local.configModule), as('ConfigService', local.configService)], '@nestjs/config')
    .import(['APP_FILTER'], '@nestjs/core')
    .import(
      [as('AuthExceptionFilter', local.authExceptionFilter), as('AuthModule', local.authModule)],
      'nestjs-refresh-token',
    );
  module.importFile([`${users.className}Module`], `${users.file}/${users.file}.module`);
  module.importFile([`${users.className}Service`], `${users.file}/${users.file}.service`);
  return [...byHand, ...module.save()];
}

/**
 * Writes the secret to `.env`, but only if git ignores that file.
 *
 * @returns messages about what remains to be done by hand
 */
function addVariables(project: Project): string[] {
  project.ignore('.database', { isFolder: true });
  project.addLine(
    '.env.example',
    'AUTH_SECRET=',
    '# At least 32 random bytes: openssl rand -base64 48',
    'AUTH_SECRET=',
  );
  if (!project.ignore('.env')) {
    return ['.gitignore allows .env in git, so AUTH_SECRET was not written there. Set it in a place that git ignores.'];
  }
  project.setVariable('.env', 'AUTH_SECRET', randomBytes(48).toString('base64url'));
  return [];
}

/**
 * The same as `new NodePackageInstallTask()`. It does not import the devkit, which may be missing next to this package.
 */
function installTask() {
  return { toConfiguration: () => ({ name: 'node-package', options: { command: 'install', quiet: true } }) };
}
