import { randomBytes } from 'node:crypto';
import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { ModuleEdit } from '../edit/module-edit.js';
import { Project } from '../edit/project.js';
import { SourceEdit } from '../edit/source-edit.js';
import { addTable } from './add-table.js';
import { neededPackages } from './packages.js';
import {
  authModule,
  configModule,
  filter,
  type LocalNames,
  usersModule,
  usersService,
} from './user-provider-templates.js';

interface AddOptions {
  sourceRoot?: string;
  /** The Nest CLI passes its own options on. It takes the word after this flag as its value, so it may be a string. */
  skipInstall?: boolean | string;
}

/** `nest add nestjs-refresh-token`. It does not change existing files of its own, so it can be run again. */
export function add({ sourceRoot = 'src', skipInstall = false }: AddOptions): Rule {
  return (tree: Tree, context: SchematicContext) => {
    const project = new Project(tree, sourceRoot);
    const byHand = isRegistered(project) ? [] : register(project);
    byHand.push(...addVariables(project));
    const isMissing = project.addDependencies(neededPackages(project));
    if (isMissing && (skipInstall === false || skipInstall === 'false')) context.addTask(installTask());
    // Nest 12 itself uses ES modules, so its Jest setup already transforms packages.
    if (project.majorOf('@nestjs/core', '12') === '11') project.transformInJest(['nestjs-refresh-token', 'jose']);
    for (const line of byHand) context.logger.warn(line);
    const users = `${sourceRoot}/auth-users/auth-users.service.ts`;
    if (tree.exists(users)) context.logger.info(`Now implement who may sign in: ${users}`);
  };
}

/** Whether any file of the application registers the module. */
function isRegistered(project: Project): boolean {
  return project.sources(/nestjs-refresh-token/).some((path) => {
    const source = new SourceEdit(project.tree.readText(path));
    const name = source.nameOf('AuthModule', 'nestjs-refresh-token', '');
    return ['forRoot', 'forRootAsync'].some((method) => source.calls(`${name}.${method}`));
  });
}

/** @returns messages about what remains to be done by hand, or to be checked */
function register(project: Project): string[] {
  const { extension, sourceRoot } = project;
  project.createOnce(`${sourceRoot}/auth-users/auth-users.service.ts`, usersService());
  project.createOnce(`${sourceRoot}/auth-users/auth-users.module.ts`, usersModule(extension));
  const module = new ModuleEdit(project);
  const names = localNames(module.source);
  module.addToList('imports', configModule(names));
  const byHand = addTable(project, module, names);
  module.addToList('imports', authModule(names));
  module.addToList('providers', filter(names));
  module.source
    .import([as('ConfigModule', names.configModule), as('ConfigService', names.configService)], '@nestjs/config')
    .import(['APP_FILTER'], '@nestjs/core')
    .import(
      [as('AuthExceptionFilter', names.authExceptionFilter), as('AuthModule', names.authModule)],
      'nestjs-refresh-token',
    )
    .import(['AuthUsersModule'], `./auth-users/auth-users.module${extension}`)
    .import(['AuthUsersService'], `./auth-users/auth-users.service${extension}`);
  return [...byHand, ...module.save()];
}

/** An application may have its own `AuthModule`, so imports may need another local name. */
function localNames(module: SourceEdit): LocalNames {
  return {
    authModule: module.nameOf('AuthModule', 'nestjs-refresh-token', 'RefreshTokenModule'),
    authExceptionFilter: module.nameOf('AuthExceptionFilter', 'nestjs-refresh-token', 'RefreshTokenExceptionFilter'),
    configModule: module.nameOf('ConfigModule', '@nestjs/config', 'NestConfigModule'),
    configService: module.nameOf('ConfigService', '@nestjs/config', 'NestConfigService'),
  };
}

const as = (name: string, local: string) => (name === local ? name : `${name} as ${local}`);

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
  project.addLine('.env.example', 'DATABASE_URL=', '# postgres://…; empty: an embedded database', 'DATABASE_URL=');
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
