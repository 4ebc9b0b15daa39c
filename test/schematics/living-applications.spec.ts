import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tree } from '@angular-devkit/schematics';
import { UnitTestTree } from '@angular-devkit/schematics/testing';
import { SchematicTestRunner } from '@angular-devkit/schematics/testing/index.js';
import prettier from 'prettier';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import '../support/built.js';
import { root } from '../support/root.js';

const collection = join(root, 'src/schematics/collection.json');

type Files = Record<string, string>;

interface Added {
  files: Files;
  said: string;
  /** What the run has created or changed, except .env, .env.example, .gitignore and package.json. */
  changed: string[];
}

/** The folder in which the command runs. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'living-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function added(own: Files = {}, options: object = {}, cwd = folder): Promise<Added> {
  const before = { 'package.json': NEST_11, 'src/main.ts': MAIN, 'src/app.module.ts': MODULE, ...own };
  const tree = new UnitTestTree(Tree.empty());
  for (const [path, text] of Object.entries<string>(before)) tree.create(path, text);
  const run = new SchematicTestRunner('nestjs-refresh-token', collection);
  const said: string[] = [];
  run.logger.subscribe(({ message }) => said.push(message));
  const spy = vi.spyOn(process, 'cwd').mockReturnValue(cwd);
  const after = await run.runSchematic('nest-add', options, tree).finally(() => spy.mockRestore());
  const files = Object.fromEntries(after.files.map((path) => [path.slice(1), after.read(path)!.toString('utf8')]));
  const isCode = (path: string) => !/^(\.|package\.json)/.test(path);
  const changed = Object.keys(files).filter((path) => files[path] !== (before as Files)[path] && isCode(path));
  return { files, said: said.join('\n'), changed: changed.sort() };
}

const NEST_11 = `{
  "name": "shop",
  "dependencies": {
    "@nestjs/common": "^11.1.0",
    "@nestjs/core": "^11.1.0",
    "rxjs": "^7.8.1"
  },
  "jest": {
    "moduleFileExtensions": [
      "js",
      "json",
      "ts"
    ],
    "rootDir": "src"
  }
}
`;
const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`;
const MODULE = `import { Module } from '@nestjs/common';
import { AppController } from './app.controller';

@Module({
  imports: [],
  controllers: [AppController],
  providers: [],
})
export class AppModule {}
`;

/** The sample of the Nest documentation for Passport and JWTs. */
const JWT_SAMPLE: Files = {
  'src/app.module.ts': MODULE.replace(
    "'./app.controller';",
    "'./app.controller';\nimport { AuthModule } from './auth/auth.module';",
  ).replace('imports: []', 'imports: [AuthModule]'),
  'src/auth/auth.module.ts': `import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { AuthController } from './auth.controller';
@Module({ imports: [JwtModule.register({ secret: 'old', signOptions: { expiresIn: '60s' } })], controllers: [AuthController] })
export class AuthModule {}
`,
  'src/auth/auth.controller.ts': `import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { JwtAuthGuard } from './jwt-auth.guard';
@Controller('auth')
export class AuthController {
  @Post('login') login() {}
  @Post('refresh') refresh() {}
  @Post('logout') logout() {}
  @UseGuards(JwtAuthGuard) @Get('me') me() {}
}
`,
  'src/auth/jwt.strategy.ts': `import { ExtractJwt, Strategy } from 'passport-jwt';
import { PassportStrategy } from '@nestjs/passport';
export class JwtStrategy extends PassportStrategy(Strategy) {}
`,
  'src/auth/local.strategy.ts': `import { Strategy } from 'passport-local';
import { PassportStrategy } from '@nestjs/passport';
export class LocalStrategy extends PassportStrategy(Strategy) {}
`,
  'src/auth/jwt-auth.guard.ts': `import { AuthGuard } from '@nestjs/passport';
export class JwtAuthGuard extends AuthGuard('jwt') {}
`,
  'src/users/users.service.ts': `export class UsersService {
  async findOne(username: string) {}
}
`,
};

/** However it is laid out. */
const flat = (text: string) =>
  text
    .replace(/\s+/g, ' ')
    .replace(/\[ /g, '[')
    .replace(/,? ([\])}])/g, '$1');

describe('nest add, next to a sign-in of the application', () => {
  test('leaves the JWT sample of the Nest documentation as it is, and takes other routes', async () => {
    const { files, said, changed } = await added(JWT_SAMPLE);
    expect(changed).toEqual([
      'src/app.module.ts',
      'src/auth-users/auth-users.module.ts',
      'src/auth-users/auth-users.service.ts',
      'src/database-options.ts',
    ]);
    const module = flat(files['src/app.module.ts']);
    expect(module).toContain(
      "RefreshTokenModule.forRootAsync({ imports: [ConfigModule, AuthUsersModule], userProvider: AuthUsersService, routePrefix: 'session'",
    );
    expect(module).toContain('imports: [AuthModule, ConfigModule.forRoot');
    expect(said).toContain('Routes below /auth exist already');
    expect(said).toContain("ours are below /session. Tell the client: authPath: '/session'");
    expect(said).toContain("The Passport strategy 'jwt' (src/auth/jwt.strategy.ts) stays as it is");
    expect(said).toContain("The Passport strategy 'local' (src/auth/local.strategy.ts)");
    expect(said).toContain('JwtAuthGuard in src/auth/jwt-auth.guard.ts');
    expect(said).toContain('UsersService in src/users/users.service.ts');
    expect(said).toContain('You have JWTs already');
  });

  test.each([
    ['a prefix', "@Controller('auth')"],
    ['a prefix with slashes', "@Controller('/auth/')"],
    ['a prefix below it', '@Controller("auth/google")'],
    ['one of several', "@Controller(['users', 'auth'])"],
    ['options', "@Controller({ path: 'auth', version: '1' })"],
    ['options with several', "@Controller({ path: ['auth', 'oauth'] })"],
    ['a constant', '@Controller(ROUTES.auth)'],
    ['a template', '@Controller(`auth`)'],
  ])('sees a controller below /auth: %s', async (_, decorator) => {
    const { files } = await added({
      'src/x.ts': `${decorator}\nexport class AuthController { @Post('login') x() {} }`,
    });
    expect(files['src/app.module.ts']).toContain("routePrefix: 'session'");
  });

  test('sees routes below /auth in a controller without a prefix', async () => {
    const controller =
      "@Controller()\nexport class AppController {\n  @UseGuards(Local)\n  @Post('auth/login')\n  x() {}\n}";
    const { files, said } = await added({ 'src/app.controller.ts': controller });
    expect(files['src/app.module.ts']).toContain("routePrefix: 'session'");
    expect(said).toContain('auth/login in src/app.controller.ts');
  });

  test.each([
    "@Controller('author')",
    "@Controller('users/auth')",
    '@Controller()',
    "// @Controller('auth')\n@Controller('x')",
  ])('keeps /auth where it is free: %s', async (decorator) => {
    const { files } = await added({ 'src/x.ts': `${decorator}\nexport class SomeController {}` });
    expect(files['src/app.module.ts']).not.toContain('routePrefix');
  });

  test('takes the next path if the second is taken, too', async () => {
    const controllers = "@Controller('auth')\nexport class A {}\n@Controller('session')\nexport class B {}";
    expect((await added({ 'src/x.ts': controllers })).files['src/app.module.ts']).toContain(
      "routePrefix: 'user-session'",
    );
  });

  test('takes the path that it is told, and refuses one that is not a path', async () => {
    const { files } = await added(JWT_SAMPLE, { routePrefix: 'account/session' });
    expect(files['src/app.module.ts']).toContain("routePrefix: 'account/session'");
    await expect(added({}, { routePrefix: "x', evil: '" })).rejects.toThrow('--route-prefix must be a path');
  });

  test('says the name of a strategy that has its own', async () => {
    const strategy =
      "import { Strategy } from 'passport-jwt';\nclass A extends PassportStrategy(Strategy, 'machine') {}";
    expect((await added({ 'src/a.ts': strategy })).said).toContain("The Passport strategy 'machine' (src/a.ts)");
  });

  test.each([
    ['src/app.module.ts', MODULE.replace('providers: []', 'providers: [{ provide: APP_GUARD, useClass: MyGuard }]')],
    ['src/guards.module.ts', '@Module({ providers: [{ provide: APP_GUARD, useClass: MyGuard }] })\nexport class G {}'],
    ['src/main.ts', MAIN.replace('await app.listen', 'app.useGlobalGuards(new MyGuard());\n  await app.listen')],
  ])('says that a global guard in %s must let logins pass', async (path, text) => {
    const { said } = await added({ [path]: text });
    expect(said).toMatch(new RegExp(`global guard.*${path}.* also runs on /auth/login and /auth/refresh`));
  });

  test('says where login is with a global prefix and versions', async () => {
    const main = MAIN.replace(
      'await app.listen',
      "app.setGlobalPrefix('/api');\n  app.enableVersioning();\n  await app.listen",
    );
    const { said } = await added({ 'src/main.ts': main });
    expect(said).toContain('With your global prefix, login is POST /api/auth/login');
    expect(said).toContain('The routes have the default version of your application');
  });

  test('writes its user provider elsewhere if there is another file of that name', async () => {
    const own = 'export class AuthUsersService {}\n';
    const { files } = await added({ 'src/auth-users/auth-users.service.ts': own });
    expect(files['src/auth-users/auth-users.service.ts']).toBe(own);
    expect(files['src/session-users/session-users.service.ts']).toContain(
      'class SessionUsersService implements UserProvider',
    );
    expect(files['src/app.module.ts']).toContain('userProvider: SessionUsersService');
  });

  test('also if the root module has imported that name', async () => {
    const module = MODULE.replace('\n\n', "\nimport { AuthUsersService } from './people';\n\n");
    const { files } = await added({ 'src/app.module.ts': module });
    expect(files['src/app.module.ts']).toContain(
      "import { SessionUsersService } from './session-users/session-users.service'",
    );
  });

  test('names the User entity, whose columns may be any', async () => {
    const user =
      '@Entity()\nexport class User {\n  @PrimaryGeneratedColumn() id: number;\n  @Column() email: string;\n}';
    const { files, said } = await added({ 'src/users/user.entity.ts': user });
    expect(said).toContain('User in src/users/user.entity.ts. Ids must be strings');
    expect(files['src/users/user.entity.ts']).toBe(user);
  });

  test.each([
    ["@Entity('refresh_tokens')", 'RefreshToken'],
    ["@Entity({ name: 'refresh_tokens' })", 'OldToken'],
    ['@Entity()', 'RefreshTokens'],
  ])('keeps the sessions out of a table of refresh tokens of the application: %s class %s', async (decorator, name) => {
    const entity = `${decorator}\nexport class ${name} {}`;
    const typeOrm = "TypeOrmModule.forRoot({ type: 'postgres', entities: [RefreshToken], migrations: [] })";
    const { files, said } = await added({
      'src/tokens/refresh-token.entity.ts': entity,
      'src/app.module.ts': MODULE.replace('imports: []', `imports: [${typeOrm}]`),
    });
    const module = flat(files['src/app.module.ts']);
    expect(module).toContain('entities: [RefreshToken, ...sessionEntities]');
    expect(module).toContain('migrations: [...sessionMigrations]');
    expect(module).toContain('entity: RefreshTokenSession');
    expect(files['src/auth-users/refresh-token-session.entity.ts']).toContain(
      "@RefreshTokenTable('refresh_token_sessions')",
    );
    expect(said).toContain('The table refresh_tokens is yours');
  });
});

describe('nest add, next to other databases', () => {
  test.each([
    ['@prisma/client', 'Prisma'],
    ['mongoose', 'Mongoose'],
    ['@mikro-orm/core', 'MikroORM'],
    ['drizzle-orm', 'Drizzle'],
    ['kysely', 'Kysely'],
    ['sequelize', 'Sequelize'],
  ])('says that %s stays, and takes another variable than its own', async (name, title) => {
    const { files, said } = await added({
      'package.json': NEST_11.replace('"rxjs"', `"${name}": "1.0.0",\n    "rxjs"`),
      '.env': '# mine\nDATABASE_URL="mysql://localhost/shop"\n',
      '.env.example': '# mine\nDATABASE_URL=\n',
    });
    expect(said).toContain(`this application uses ${title}, which stays as it is`);
    expect(said).toContain('in AUTH_DATABASE_URL');
    expect(flat(files['src/app.module.ts'])).toContain("config.get<string>('AUTH_DATABASE_URL')");
    expect(files['.env.example']).toMatch(/^# mine\nDATABASE_URL=\n[^]*\nAUTH_DATABASE_URL=\n/);
    expect(files['.env']).toMatch(/^# mine\nDATABASE_URL="mysql:\/\/localhost\/shop"\nAUTH_SECRET=[\w-]{64}\n$/);
  });

  test.each([
    ['@prisma/client', 'Prisma', 'prisma.config.ts'],
    ['drizzle-orm', 'Drizzle', 'drizzle.config.ts'],
  ])('of %s, keeps the sessions out of the tables of %s', async (name, title, config) => {
    const { files, said } = await added({
      'package.json': NEST_11.replace('"rxjs"', `"${name}": "1.0.0",\n    "rxjs"`),
      [config]: 'export default { url: process.env.DATABASE_URL };\n',
    });
    expect(flat(files['src/app.module.ts'])).toContain("config.get<string>('AUTH_DATABASE_URL')");
    expect(said).toContain(`because the commands of ${title} drop tables that they do not know`);
  });

  test('does not overwrite a file of that name', async () => {
    const own = 'export const options = {};\n';
    const { files } = await added({ 'src/database-options.ts': own });
    expect(files['src/database-options.ts']).toBe(own);
    expect(files['src/session-database-options.ts']).toContain('export function sessionDatabaseOptions(');
  });

  test.each([
    ['elsewhere, with other files', "ConfigModule.forRoot({ envFilePath: ['.env.local'] })", true],
    ['elsewhere, without files', 'ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true })', true],
    ['elsewhere, with .env among them', "ConfigModule.forRoot({ envFilePath: ['.env.local', '.env'] })", false],
    ['elsewhere, as usual', 'ConfigModule.forRoot({ isGlobal: true, validationSchema: schema })', false],
  ])('uses a ConfigModule that is configured %s', async (_, call, isElsewhere) => {
    const config = `import { ConfigModule } from '@nestjs/config';\n@Module({ imports: [${call}] })\nexport class CoreModule {}`;
    const { files, said } = await added({ 'src/core/core.module.ts': config });
    expect(files['src/app.module.ts']).not.toContain('ConfigModule.forRoot(');
    expect(files['src/app.module.ts']).toContain('imports: [ConfigModule, AuthUsersModule]');
    expect(said.includes('its ConfigModule does not read .env')).toBe(isElsewhere);
  });
});

describe('nest add, in another layout', () => {
  const files = (path: string, name: string, imported: string): Files => ({
    'src/main.ts': MAIN.replaceAll('AppModule', name).replace('./app.module', imported),
    [path]: MODULE.replace('AppModule', name),
  });

  test.each([
    ['another class', files('src/app.module.ts', 'ShopModule', './app.module'), 'src/app.module.ts', './'],
    [
      'another file',
      files('src/core/root.module.ts', 'RootModule', './core/root.module'),
      'src/core/root.module.ts',
      '../',
    ],
    [
      'an index file',
      { ...files('src/core/root.ts', 'RootModule', './core'), 'src/core/index.ts': "export * from './root';" },
      'src/core/root.ts',
      '../',
    ],
    ['a path of tsconfig.json', files('src/core/root.ts', 'RootModule', '@app/core'), 'src/core/root.ts', '../'],
    ['an import from the root', files('src/core/root.ts', 'RootModule', 'src/core/root'), 'src/core/root.ts', '../'],
    [
      'an import with an extension',
      files('src/core/root.ts', 'RootModule', './core/root.js'),
      'src/core/root.ts',
      '../',
    ],
  ])('finds the module that main.ts starts: %s', async (_, own, path, up) => {
    const { 'src/app.module.ts': _module = '@Module({})\nexport class Unused {}\n', ...rest } = own as Files;
    const result = await added({ 'src/app.module.ts': _module, ...rest });
    expect(flat(result.files[path])).toContain('AuthModule.forRootAsync({');
    expect(result.files[path]).toContain(`from '${up}auth-users/auth-users.module`);
    expect(result.files[path]).toContain(`from '${up}database-options`);
    if (path !== 'src/app.module.ts') expect(result.files['src/app.module.ts']).toBe(_module);
  });

  test.each([
    ['with types', 'NestFactory.create<NestExpressApplication>(ShopModule, { bufferLogs: true })'],
    ['with an adapter', 'NestFactory.create(ShopModule, new FastifyAdapter())'],
    ['of a call', 'NestFactory.create(ShopModule.register({ a: 1 }))'],
    ['as a microservice', 'NestFactory.createMicroservice(ShopModule)'],
  ])('finds the module that is started %s', async (_, call) => {
    const main = MAIN.replace('NestFactory.create(AppModule)', call).replace('{ AppModule }', '{ ShopModule }');
    const module = MODULE.replace('AppModule', 'ShopModule');
    const two = `${module}\n@Module({})\nexport class AppModule {}\n`;
    const result = await added({ 'src/main.ts': main, 'src/app.module.ts': two });
    expect(result.files['src/app.module.ts']).toContain('@Module({})\nexport class AppModule {}');
    expect(result.files['src/app.module.ts']).toContain('AuthModule.forRootAsync({');
  });

  const monorepo: Files = {
    'nest-cli.json': `{
  // the projects
  "monorepo": true,
  "sourceRoot": "apps/shop/src",
  "projects": {
    "shop": { "type": "application", "root": "apps/shop", "sourceRoot": "apps/shop/src", "entryFile": "main" },
    "admin": { "type": "application", "root": "apps/admin", "sourceRoot": "apps/admin/src", "entryFile": "server" },
  },
}
`,
    'apps/shop/src/main.ts': MAIN,
    'apps/shop/src/app.module.ts': MODULE,
    'apps/shop/test/jest-e2e.json': '{ "rootDir": "." }\n',
    'apps/admin/src/server.ts': MAIN.replaceAll('AppModule', 'AdminModule').replace('app.module', 'admin.module'),
    'apps/admin/src/admin.module.ts': MODULE.replace('AppModule', 'AdminModule'),
    'apps/admin/test/jest-e2e.json': '{ "rootDir": "." }\n',
  };

  test.each([{ project: 'admin' }, { sourceRoot: 'apps/admin/src' }, { sourceRoot: './apps/admin/src/' }])(
    'adds to one project of a monorepo: %j',
    async (options) => {
      const { files, changed } = await added(monorepo, options);
      expect(changed).toEqual([
        'apps/admin/src/admin.module.ts',
        'apps/admin/src/auth-users/auth-users.module.ts',
        'apps/admin/src/auth-users/auth-users.service.ts',
        'apps/admin/src/database-options.ts',
        'apps/admin/test/jest-e2e.json',
      ]);
      expect(files['apps/admin/src/admin.module.ts']).toContain('AuthModule.forRootAsync({');
    },
  );

  test('names the projects if there is none of that name', async () => {
    await expect(added(monorepo, { project: 'blog' })).rejects.toThrow(
      "nest-cli.json has no project 'blog' with a sourceRoot. Its projects: shop, admin.",
    );
  });

  test.each([
    ['./app.controller.js', '.js'],
    ['./app.controller', ''],
  ])('writes imports as the module does: %s', async (path, extension) => {
    const packageJson = extension === '' ? NEST_11.replace('{', '{\n  "type": "module",') : NEST_11;
    const { files } = await added({
      'package.json': packageJson,
      'src/app.module.ts': MODULE.replace('./app.controller', path),
    });
    expect(files['src/app.module.ts']).toContain(`from './auth-users/auth-users.module${extension}'`);
    expect(files['src/auth-users/auth-users.module.ts']).toContain(`from './auth-users.service${extension}'`);
  });
});

describe('nest add leaves what it finds', () => {
  const COMMENTED = `// The root of the shop.
import { Module } from '@nestjs/common'; // Nest
import { Cats } from './cats'; // cats, not dogs

/* The module
   of the shop */
@Module({
  // what it imports
  imports: [
    Cats, // the cats
    // Dogs come later.
  ], // end of imports
  /** Nothing yet. */
  controllers: [/* none */],
  providers: [
    // none yet
  ],
  exports: [], // nothing
})
export class AppModule {} // the end
`;
  const comments = (text: string) => [...text.matchAll(/\/\/.*|\/\*[^]*?\*\//g)].map(([comment]) => comment.trim());

  test('every comment of a module, at its place', async () => {
    const { files } = await added({ 'src/app.module.ts': COMMENTED });
    const text = files['src/app.module.ts'];
    expect(comments(text)).toEqual(comments(COMMENTED));
    const lines = text.split('\n').map((line) => line.trim());
    for (const line of [
      'Cats, // the cats',
      '], // end of imports',
      'exports: [], // nothing',
      "import { Cats } from './cats'; // cats, not dogs",
    ]) {
      expect(lines).toContain(line);
    }
    expect(flat(text)).toContain('// none yet { provide: APP_FILTER, useClass: AuthExceptionFilter}');
    // Nothing of ours is in a comment.
    expect(flat(ts.transpileModule(text, { compilerOptions: { removeComments: true } }).outputText)).toMatch(
      /Cats, ConfigModule\.forRoot\(.*forRootAsync\(.*forRootAsync\(.*useClass: AuthExceptionFilter/,
    );
  });

  test.each([
    ['after the last', '[\n    Cats, // cats\n    Dogs // dogs\n  ]'],
    ['after the last and its comma', '[\n    Cats,\n    Dogs, // dogs\n  ]'],
    ['before the comma', '[Cats /* cats */, Dogs /* dogs */]'],
    ['with commas in them', '[Cats /* a, b */, Dogs /* c, d */,]'],
    ['after the bracket', '[ // all\n    Cats,\n    Dogs,\n  ]'],
    ['at the end', '[\n    Cats,\n    Dogs,\n    // more\n  ]'],
    ['around calls', '[\n    // one\n    Cats.forRoot({\n      a: 1, // a\n    }),\n    Dogs,\n  ]'],
    ['on one line of several', '[Cats, // cats\n    Dogs]'],
    ['with a line comment before the bracket', '[Cats, Dogs // dogs\n  ]'],
  ])('comments in a list: %s', async (_, list) => {
    const module = MODULE.replace('imports: []', `imports: ${list}`);
    const { files } = await added({ 'src/app.module.ts': module });
    const text = files['src/app.module.ts'];
    expect(comments(text)).toEqual(comments(module));
    const { outputText } = ts.transpileModule(text, {
      reportDiagnostics: true,
      compilerOptions: { removeComments: true },
    });
    expect(flat(outputText)).toMatch(/Cats.*Dogs, ConfigModule\.forRoot\(.*forRootAsync\(.*forRootAsync\(/);
    // A comment stays on the line of its element.
    for (const [line] of list.matchAll(/(Cats|Dogs),? \/[/*] \w+/g)) {
      expect(text.replace(/,/g, '')).toContain(line.replace(/,/g, ''));
    }
  });

  const variants = {
    'CRLF line ends': (text: string) => text.replace(/\n/g, '\r\n'),
    'a byte order mark': (text: string) => `\uFEFF${text}`,
    tabs: (text: string) => text.replace(/^( {2})+/gm, (spaces) => '\t'.repeat(spaces.length / 2)),
    'four spaces': (text: string) => text.replace(/^( {2})+/gm, (spaces) => spaces.repeat(2)),
    'no newline at the end': (text: string) => text.trimEnd(),
    'double quotes': (text: string) => text.replaceAll("'", '"'),
  };

  test.each(Object.entries(variants))('%s', async (name, vary) => {
    const e2e = '{\n  // end to end\n  "rootDir": ".",\n  "testRegex": ".e2e-spec.ts$"\n}\n';
    const { files } = await added({
      'package.json': vary(NEST_11),
      'src/app.module.ts': vary(MODULE),
      'test/jest-e2e.json': vary(e2e),
      '.env.example': vary('# ports\nPORT=3000\n'),
    });
    for (const [path, text] of Object.entries({
      'package.json': NEST_11,
      'src/app.module.ts': MODULE,
      'test/jest-e2e.json': e2e,
    })) {
      const after = files[path];
      expect(after.startsWith('\uFEFF')).toBe(name === 'a byte order mark');
      expect(/(?<!\r)\n/.test(after)).toBe(name !== 'CRLF line ends');
      expect(after.endsWith('\n')).toBe(name !== 'no newline at the end');
      if (name === 'tabs') expect(after).not.toMatch(/^ +\S/m);
      if (name === 'four spaces')
        expect([...after.matchAll(/^( +)\S/gm)].every(([, { length }]) => length % 4 === 0)).toBe(true);
      if (name === 'double quotes' && path.endsWith('.ts')) expect(after).not.toContain("'");
      // Each line of before is still there, in its order; a comma may have been added.
      const left = after.split('\n').map((line) => line.replace(/[\r,]+$/, ''));
      for (const line of vary(text)
        .split('\n')
        .filter((each) => !/imports|providers/.test(each))) {
        const at = left.indexOf(line.replace(/[\r,]+$/, ''));
        expect(at, line).toBeGreaterThanOrEqual(0);
        left.splice(0, at + 1);
      }
    }
    expect(files['.env.example'].startsWith(vary('# ports\nPORT=3000'))).toBe(true);
  });

  test('JSON files with comments and trailing commas, and what is in them', async () => {
    const e2e = `{
  // jest
  "moduleFileExtensions": ["js", "json", "ts"], /* three */
  "rootDir": ".", // here
  "unknown": { "kept": true, },
}
`;
    const tsconfig = '{\n  // strict\n  "compilerOptions": { "strict": true, },\n}\n';
    const { files, said } = await added({
      'test/jest-e2e.json': e2e,
      'tsconfig.json': tsconfig,
      'nest-cli.json': '{ /* x */ }',
    });
    expect(files['tsconfig.json']).toBe(tsconfig);
    expect(files['nest-cli.json']).toBe('{ /* x */ }');
    expect(files['test/jest-e2e.json']).toBe(e2e.replace('true, },\n', 'true, },\n  "testTimeout": 30000,\n'));
    expect(said).toContain('changed  test/jest-e2e.json');
  });

  test('the end-to-end tests of a data source of its own', async () => {
    const script = '"scripts": { "test:e2e": "jest --config ./test/jest-e2e.json" },\n  "dependencies"';
    const packageJson = NEST_11.replace('"dependencies"', script);
    const all = { 'package.json': packageJson, 'test/jest-e2e.json': '{}' };
    const flag =
      '"test:e2e": "node --experimental-vm-modules ./node_modules/jest/bin/jest.js --config ./test/jest-e2e.json"';
    expect((await added(all)).files['package.json']).toContain(flag);
    const typeOrm = "imports: [TypeOrmModule.forRoot({ type: 'postgres', entities: [] })]";
    const { files } = await added({ ...all, 'src/app.module.ts': MODULE.replace('imports: []', typeOrm) });
    expect(files['package.json']).toContain('"test:e2e": "jest --config');
    expect(files['test/jest-e2e.json']).not.toContain('testTimeout');
  });

  test.each([
    ['Nest 12', NEST_11.replaceAll('^11.1.0', '^12.0.1')],
    ['ES modules', NEST_11.replace('{', '{\n  "type": "module",')],
  ])('the Jest configuration of %s', async (_, packageJson) => {
    const { files } = await added({ 'package.json': packageJson, 'test/jest-e2e.json': '{}' });
    expect(files['test/jest-e2e.json']).toBe('{}');
  });

  test.each([
    ['a bare application', {}],
    ['the JWT sample', JWT_SAMPLE],
    ['a module with comments', { 'src/app.module.ts': COMMENTED }],
    [
      'another database',
      {
        'package.json': NEST_11.replace('"rxjs"', '"@prisma/client": "1.0.0",\n    "rxjs"'),
        '.env': 'DATABASE_URL=x\n',
      },
    ],
    ['a table of its own', { 'src/r.entity.ts': "@Entity('refresh_tokens')\nexport class R {}" }],
  ])('everything, when it runs again: %s', async (_, own) => {
    const first = await added({ 'test/jest-e2e.json': '{\n  "rootDir": "."\n}\n', ...own });
    expect(first.said).toContain('What was done:\n');
    const second = await added(first.files);
    expect(second.files).toEqual(first.files);
    expect(second.said).toContain('Nothing to do: nestjs-refresh-token is set up already.');
  });
});

describe('nest add writes what Prettier accepts', () => {
  const NEST_CLI = { singleQuote: true, trailingComma: 'all' } as const;
  const LONG: Files = {
    ...JWT_SAMPLE,
    'src/r.entity.ts': "@Entity('refresh_tokens')\nexport class R {}\n",
    'src/app.module.ts': `import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from './auth/auth.module';
import { User } from './users/user.entity';

@Module({
  imports: [
    // the users
    TypeOrmModule.forRoot({ type: 'postgres', url: 'x', entities: [User] }),
    AuthModule,
  ],
  providers: [{ provide: APP_GUARD, useClass: MyGuard }],
})
export class AppModule {}
`,
  };
  const hosts: [string, Files][] = [
    ['a bare application', {}],
    [
      'a module on one line',
      {
        'src/app.module.ts':
          "import { Module } from '@nestjs/common';\n\n@Module({ imports: [] })\nexport class AppModule {}\n",
      },
    ],
    [
      'a module without anything',
      { 'src/app.module.ts': "import { Module } from '@nestjs/common';\n\n@Module({})\nexport class AppModule {}\n" },
    ],
    ['the JWT sample', JWT_SAMPLE],
    ['a table of its own, and long lines', LONG],
  ];
  const configurations: [string, prettier.Options][] = [
    ['of the Nest CLI', NEST_CLI],
    ['of Prettier itself', {}],
    ['with tabs, no semicolons and wide lines', { useTabs: true, semi: false, printWidth: 120, trailingComma: 'none' }],
    ['with CRLF and four spaces', { endOfLine: 'crlf', tabWidth: 4, singleQuote: true }],
  ];
  const isChecked = (path: string) => /\.(ts|json)$/.test(path);

  test.each(hosts)('without Prettier, in the style of the Nest CLI: %s', async (_, own) => {
    const { files, changed } = await added(own);
    for (const path of [...changed, 'package.json'].filter(isChecked)) {
      expect(files[path]).toBe(await prettier.format(files[path], { ...NEST_CLI, filepath: path }));
    }
  });

  describe.each(configurations)('%s', (_, options) => {
    let withPrettier: string;
    beforeAll(async () => {
      withPrettier = await mkdtemp(join(tmpdir(), 'prettier-'));
      await mkdir(join(withPrettier, 'node_modules'));
      await symlink(join(root, 'node_modules/prettier'), join(withPrettier, 'node_modules/prettier'));
      await writeFile(join(withPrettier, '.prettierrc'), JSON.stringify(options));
      await writeFile(join(withPrettier, '.prettierignore'), 'src/database-options.ts\n');
    });
    afterAll(() => rm(withPrettier, { recursive: true, force: true }));

    test.each(hosts)('%s', async (_host, own) => {
      const all = {
        'package.json': NEST_11,
        'src/app.module.ts': MODULE,
        'test/jest-e2e.json': '{ "rootDir": "." }',
        ...own,
      };
      const formatted: Files = {};
      for (const [path, text] of Object.entries<string>(all)) {
        formatted[path] = await prettier.format(text, { ...options, filepath: path });
      }
      const { files, changed } = await added(formatted, {}, withPrettier);
      const checked = [...changed, 'package.json'].filter(
        (path) => isChecked(path) && path !== 'src/database-options.ts',
      );
      expect(checked).toContain('src/app.module.ts');
      for (const path of checked) {
        expect(files[path]).toBe(await prettier.format(files[path], { ...options, filepath: path }));
      }
    });

    test('and leaves a file alone that was not formatted before', async () => {
      const module = `import {Module} from "@nestjs/common";\n@Module({imports:   []})\nexport class AppModule{}\n`;
      const { files } = await added({ 'src/app.module.ts': module }, {}, withPrettier);
      expect(files['src/app.module.ts']).toContain('import {Module} from "@nestjs/common";\n');
      expect(files['src/app.module.ts']).toContain('export class AppModule{}\n');
    });
  });
});
