import { Tree } from '@angular-devkit/schematics';
import { UnitTestTree } from '@angular-devkit/schematics/testing';
import { SchematicTestRunner } from '@angular-devkit/schematics/testing/index.js';
import { refreshTokenEntities } from 'nestjs-refresh-token/typeorm';
import { join } from 'node:path';
import { getMetadataArgsStorage } from 'typeorm';
import { describe, expect, test } from 'vitest';
import '../support/built.js';
import { root } from '../support/root.js';

const MODULE = "import { Module } from '@nestjs/common';\n@Module({ imports: [] })\nexport class AppModule {}\n";

/** What `nest add` writes to and says of an application with these files. */
async function added(files: Record<string, string>, options: object = {}) {
  const tree = new UnitTestTree(Tree.empty());
  for (const [path, text] of Object.entries({ 'package.json': '{}', 'src/app.module.ts': MODULE, ...files })) {
    tree.create(path, text);
  }
  const runner = new SchematicTestRunner('nestjs-refresh-token', join(root, 'src/schematics/collection.json'));
  const said: string[] = [];
  runner.logger.subscribe(({ message }) => said.push(message));
  const after = await runner.runSchematic('nest-add', options, tree);
  const prefix = /routePrefix: '([^']*)'/.exec(after.readText('src/app.module.ts'))?.[1] ?? 'auth';
  return { prefix, said: said.join('\n') };
}

const unread = (said: string) =>
  [...said.matchAll(/Could not read the path of (.*): check/g)].map(([, place]) => place);
const controller = (decorator: string, before = '', members = '') =>
  `${before}\n@Controller(${decorator})\nexport class SignInController { ${members} }\n`;

describe('nest add reads the paths of controllers', () => {
  test.each([
    ['a constant', controller('PATH', "const PATH = 'auth';")],
    ['a constant with a type', controller('PATH', "export const PATH: string = <const>'/auth/';")],
    ['a constant of a constant', controller('PATH', "const BASE = ('auth' as const);\nconst PATH = BASE;")],
    ['a property', controller('PATHS.auth', "const PATHS = { auth: 'auth' } as const;")],
    ['a property of a property', controller('API.v1.auth', "const API = { v1: { 'auth': 'auth' } } satisfies object;")],
    ['a property in brackets', controller("PATHS['auth']", "const PATHS = Object.freeze({ auth: 'auth' });")],
    ['a property of the same name', controller('PATHS.auth', "const auth = 'auth';\nconst PATHS = { auth };")],
    ['a property after a spread', controller('PATHS.auth', "const PATHS = { ...OTHERS, auth: 'auth' };")],
    ['a static property', controller('Paths.AUTH', "class Paths { static readonly AUTH = 'auth'; }")],
    ['an enum', controller('Paths.Auth', "enum Paths { Cats = 'cats', Auth = 'auth' }")],
    ['a constant enum', controller('Paths.Auth', "export const enum Paths { Auth = 'auth' }")],
    ['a template', controller('`${BASE}/login`', "const BASE = 'auth';")],
    ['a sum', controller("BASE + '/login'", "const BASE = 'auth';")],
    ['a list', controller("['cats', PATH]", "const PATH = 'auth';")],
    ['a list with a spread', controller("[...PATHS, 'dogs']", "const PATHS = ['cats', 'auth'];")],
    ['options', controller('{ path: PATH }', "const PATH = 'auth';")],
    ['options with a list', controller("{ path: ['cats', Paths.Auth] }", "enum Paths { Auth = 'auth' }")],
    ['options as a constant', controller('OPTIONS', "const path = 'auth';\nconst OPTIONS = { path, version: '1' };")],
    ['a handler', controller('', "const LOGIN = 'auth/login';", '@Post(LOGIN) login() {}')],
    ['a handler with a list', controller('', "const LOGIN = 'auth/login';", "@Get(['x', LOGIN]) login() {}")],
  ])('%s in the same file', async (_, text) => {
    const { prefix, said } = await added({ 'src/sign-in.controller.ts': text });
    expect(prefix).toBe('session');
    expect(unread(said)).toEqual([]);
  });

  test.each<[string, string, string, string]>([
    ['a constant', "import { PATH } from './paths';", 'PATH', "export const PATH = 'auth';"],
    ['one with another name', "import { PATH as AUTH } from './paths';", 'AUTH', "export const PATH = 'auth';"],
    [
      'one that is exported later',
      "import { AUTH } from './paths';",
      'AUTH',
      "const A = 'auth';\nexport { A as AUTH };",
    ],
    ['a file with .js', "import { PATHS } from './paths.js';", 'PATHS.auth', "export const PATHS = { auth: 'auth' };"],
    ['a path from the root', "import { PATH } from 'src/paths';", 'PATH', "export const PATH = 'auth';"],
    ['an enum', "import { Paths } from './paths';", 'Paths.AUTH', "export enum Paths { AUTH = 'auth' }"],
    ['a class', "import { Paths } from './paths';", 'Paths.AUTH', "export class Paths { static AUTH = 'auth'; }"],
    ['all of a file', "import * as paths from './paths';", 'paths.AUTH', "export const AUTH = 'auth';"],
    ['the default', "import paths from './paths';", 'paths.auth', "export default { auth: 'auth' };"],
    ['a class as the default', "import P from './paths';", 'P.A', "export default class P { static A = 'auth'; }"],
    ['through a file', "import { PATH } from './paths';", 'PATH', "export * from './more';"],
    ['through a file, by name', "import { PATH } from './paths';", 'PATH', "export { AUTH as PATH } from './more';"],
    ['through a folder', "import { PATH } from './folder';", 'PATH', ''],
    [
      'in two steps',
      "import { BASE } from './paths';",
      '`${BASE}/x`',
      "import { AUTH } from './more';\nexport const BASE = AUTH;",
    ],
  ])('imported: %s', async (_, line, path, paths) => {
    const { prefix, said } = await added({
      'src/sign-in.controller.ts': controller(path, line),
      'src/paths.ts': paths,
      'src/more.ts': "export const AUTH = 'auth';\nexport const PATH = AUTH;",
      'src/folder/index.ts': "export * from './path.js';",
      'src/folder/path.ts': "export const PATH = 'auth';",
    });
    expect(prefix).toBe('session');
    expect(unread(said)).toEqual([]);
  });

  test.each([
    ['a constant of another path', controller('PATH', "const PATH = 'cats';", "@Get('auth') x() {}")],
    ['an unreadable handler of another controller', controller("'cats'", '', '@Get(PATH) x() {}')],
    ['nothing', controller('')],
    ['options without a path', controller("{ version: '1' }")],
  ])('and keeps /auth: %s', async (_, text) => {
    const { prefix, said } = await added({ 'src/sign-in.controller.ts': text });
    expect(prefix).toBe('auth');
    expect(unread(said)).toEqual([]);
  });

  test.each([
    ['a variable', controller('path', "let path = 'auth';")],
    ['a call', controller('pathOf(1)')],
    ['a variable of the environment', controller("process.env.PREFIX ?? 'auth'")],
    ['a template with a call', controller('`${base()}/x`')],
    ['a package', controller('PATH', "import { PATH } from 'paths';")],
    ['a file that does not exist', controller('PATH', "import { PATH } from './paths';")],
    ['a file outside of the application', controller('PATH', "import { PATH } from '../../../shared/paths';")],
    ['a file from the root of the machine', controller('PATH', "import { PATH } from '/shared/paths';")],
    ['a circle', controller('A', 'const A = B;\nconst B = `${A}x`;')],
    ['a list in itself', controller('LIST', 'const LIST = [...LIST];')],
    ['an object in itself', controller('path', 'const path = { path };')],
    ['a number', controller('Paths.Auth', 'enum Paths { Auth }')],
    ['a property before a spread', controller('PATHS.auth', "const PATHS = { auth: 'auth', ...OTHERS };")],
    ['spread options', controller('{ ...OPTIONS }')],
    ['one of several', controller("['cats', pathOf(1)]")],
  ])('and names what it cannot read: %s', async (_, text) => {
    const { prefix, said } = await added({ 'src/x/sign-in.controller.ts': text });
    expect(prefix).toBe('auth');
    expect(said).toContain(
      'Could not read the path of SignInController in src/x/sign-in.controller.ts: check that it is not below /auth. ' +
        'If it is, set another routePrefix.',
    );
  });

  test('and names a handler whose path it cannot read, where that may be below ours', async () => {
    const text = controller("['', 'account', 'cats']", '', '@Post(LOGIN) login() {}');
    const where = 'SignInController.login in src/sign-in.controller.ts';
    const { said } = await added({ 'src/sign-in.controller.ts': text });
    expect(unread(said)).toEqual([where]);
    const below = controller("'account'", '', '@Post(LOGIN) login() {}');
    const told = await added({ 'src/sign-in.controller.ts': below }, { routePrefix: 'account/session' });
    expect(unread(told.said)).toEqual([where]);
    expect(told.said).toContain('check that it is not below /account/session');
  });

  test('and reads what a file exports, not what it keeps', async () => {
    const { prefix } = await added({
      'src/sign-in.controller.ts': controller('PATH', "import { PATH } from './paths';"),
      'src/paths.ts': "const PATH = 'cats';\nexport * from './more';",
      'src/more.ts': "export const PATH = 'auth';",
    });
    expect(prefix).toBe('session');
  });

  test('and ends with files that import each other', async () => {
    const { said } = await added({
      'src/sign-in.controller.ts': controller('PATH', "import { PATH } from './a';"),
      'src/a.ts': "export * from './b';\nexport * from './a';",
      'src/b.ts': "export * from './a';\nexport { PATH } from './a';",
    });
    expect(unread(said)).toEqual(['SignInController in src/sign-in.controller.ts']);
  });
});

describe('nest add reads the paths of RouterModule', () => {
  const files = (routes: string, path = "'login'", before = '') => ({
    'src/app.module.ts': `import { Module } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { SignInModule } from './sign-in.module';
${before}
@Module({ imports: [SignInModule, RouterModule.register(${routes})] })
export class AppModule {}
`,
    'src/sign-in.module.ts': `import { Module } from '@nestjs/common';
import { SignInController } from './sign-in.controller';
@Module({ controllers: [SignInController] })
export class SignInModule {}
`,
    'src/sign-in.controller.ts': controller(path),
  });

  test.each([
    ['a path', files("[{ path: 'auth', module: SignInModule }]")],
    ['a constant', files('[{ path: PATH, module: SignInModule }]', "'x'", "const PATH = '/auth/';")],
    ['a tree', files("[{ path: '/', module: CatsModule, children: [{ path: 'auth', module: SignInModule }] }]")],
    ['a child without a path', files("[{ path: 'auth', children: [SignInModule] }]")],
    ['a list', files('ROUTES', "'x'", "const ROUTES: Routes = [{ path: 'auth', module: SignInModule }];")],
    ['the controller', files("[{ path: '', module: SignInModule }]", "'auth'")],
    [
      'the controller, which another module has, too',
      {
        ...files("[{ path: 'admin', module: SignInModule }]", "'auth'"),
        'src/other.module.ts':
          "import { SignInController } from './sign-in.controller';\n" +
          '@Module({ controllers: [SignInController] })\nexport class OtherModule {}',
      },
    ],
    ['a module whose controllers are not readable', files("[{ path: 'auth', module: LegacyModule }]")],
  ])('%s', async (_, own) => {
    const { prefix, said } = await added(own);
    expect(prefix).toBe('session');
    expect(said).toContain('Routes below /auth exist already');
    expect(unread(said)).toEqual([]);
  });

  test.each([
    ['in one', files("[{ path: 'admin', module: SignInModule }]", "'auth'")],
    ['in a child', files("[{ path: 'admin', children: [{ path: 'v1', module: SignInModule }] }]", "'auth'")],
    ['in a list of children', files("[{ path: 'admin', module: CatsModule, children: [SignInModule] }]", "'auth'")],
    ['and cannot be read', files("[{ path: 'admin', module: SignInModule }]", 'pathOf(1)')],
  ])('a controller below another module is not below /auth: %s', async (_, own) => {
    const { prefix, said } = await added(own);
    expect(prefix).toBe('auth');
    expect(unread(said)).toEqual([]);
  });

  test('a path from both', async () => {
    const own = files("[{ path: 'account', children: [{ path: '/auth', module: SignInModule }] }]", "'login'");
    const text = own['src/sign-in.controller.ts'].replace('{  }', "{ @Get(['', PATH]) x() {} }");
    const { said } = await added({ ...own, 'src/sign-in.controller.ts': text }, { routePrefix: 'account/auth/login' });
    expect(unread(said)).toEqual(['SignInController.x in src/sign-in.controller.ts']);
  });

  test.each([
    ['a path', '[{ path: pathOf(1), module: SignInModule }]', 'SignInModule'],
    ['a path of several', "[{ path: '', children: [{ path: pathOf(1) }] }]", 'RouterModule.register'],
    ['all', 'routes()', 'RouterModule.register'],
    ['one', '[legacyRoutes]', 'legacyRoutes'],
    ['a spread', "[...legacyRoutes, { path: 'x', module: SignInModule }]", 'RouterModule.register'],
  ])('what cannot be read is named: %s', async (_, routes, name) => {
    const { prefix, said } = await added(files(routes, "'cats'"));
    expect(prefix).toBe('auth');
    expect(unread(said)).toEqual([`${name} in src/app.module.ts`]);
  });
});

describe('nest add names tables that are taken', () => {
  const tables = getMetadataArgsStorage()
    .tables.filter(({ target }) => (refreshTokenEntities as unknown[]).includes(target))
    .map(({ name }) => name!)
    .filter((name) => name !== 'refresh_tokens');

  test('also if another entity has a name from outside of the application', async () => {
    const text = "import { TABLE } from '../../tables';\n@Entity(TABLE)\nexport class Own {}";
    expect((await added({ 'src/own.entity.ts': text })).said).toContain('Could not read the table of ');
  });

  test('of each entity of the module', async () => {
    expect(tables.sort()).toEqual(['auth_events', 'session_locks', 'used_dpop_proofs']);
    for (const table of tables) {
      const { said } = await added({ 'src/own.entity.ts': `@Entity('${table}')\nexport class Own {}` });
      expect(said).toContain(
        `You have a table ${table} in src/own.entity.ts, and nestjs-refresh-token has one of that name. ` +
          'Its migrations refuse yours. Rename yours',
      );
    }
  });

  test.each([
    ["@Entity({ name: 'auth_events' })", 'Own'],
    ['@Entity()', 'AuthEvents'],
    ['@Entity(TABLES.events)', 'Own'],
    ['@Entity({ name: TABLES.events, schema: SCHEMA })', 'Own'],
    ['@Entity(`auth_${EVENTS}`)', 'Own'],
  ])('however they are written: %s class %s', async (decorator, name) => {
    const constants = "const EVENTS = 'events';\nconst TABLES = { events: 'auth_events' };";
    const { said } = await added({ 'src/own.entity.ts': `${constants}\n${decorator}\nexport class ${name} {}` });
    expect(said).toContain('You have a table auth_events in src/own.entity.ts');
  });

  test('the table of sessions as a constant', async () => {
    const entity = "const TABLE = 'refresh_tokens';\n@Entity(TABLE)\nexport class Own {}";
    const { said } = await added({ 'src/own.entity.ts': entity });
    expect(said).toContain('The table refresh_tokens is yours, so the sessions are in refresh_token_sessions');
    const other = "@Entity('refresh_token_sessions')\nexport class Other {}";
    const taken = await added({ 'src/own.entity.ts': entity, 'src/other.entity.ts': other });
    expect(taken.said).toContain('You have a table refresh_token_sessions in src/other.entity.ts');
    expect((await added({ 'src/other.entity.ts': other })).said).not.toContain('You have a table');
  });

  test('and those that it cannot read', async () => {
    const { said } = await added({ 'src/own.entity.ts': '@Entity(tableOf(1))\nexport class Own {}' });
    expect(said).toContain(
      'Could not read the table of Own in src/own.entity.ts: check that it is not ' +
        'refresh_tokens or auth_events or session_locks or used_dpop_proofs.',
    );
  });
});
