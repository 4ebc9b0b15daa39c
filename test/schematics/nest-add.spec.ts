import { type SchematicTestRunner as Runner, UnitTestTree } from '@angular-devkit/schematics/testing';
import { SchematicTestRunner } from '@angular-devkit/schematics/testing/index.js';
import { Tree } from '@angular-devkit/schematics';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import '../support/built.js';

const collection = fileURLToPath(new URL('../../src/schematics/collection.json', import.meta.url));

/** An application with a bare module and these files. */
async function added(files: Record<string, string> = {}, options: object = {}): Promise<UnitTestTree> {
  return (await heard(files, options)).tree;
}

/** The same, and what is said meanwhile. */
async function heard(files: Record<string, string> = {}, options: object = {}) {
  const tree = new UnitTestTree(Tree.empty());
  const all = {
    'package.json': '{"type":"module","dependencies":{"@nestjs/core":"^12.0.1"}}',
    'src/app.module.ts': moduleWith('imports: []'),
    ...files,
  };
  for (const [path, text] of Object.entries(all)) tree.create(path, text);
  const run = runner();
  const said: string[] = [];
  run.logger.subscribe(({ message }) => said.push(message));
  return { tree: await run.runSchematic('nest-add', { sourceRoot: 'src', ...options }, tree), said: said.join('\n') };
}

const runner = (): Runner => new SchematicTestRunner('nestjs-refresh-token', collection);

const moduleWith = (metadata: string, imports = '') => `import { Module } from '@nestjs/common';
${imports}
@Module({ ${metadata} })
export class AppModule {}
`;
const read = (tree: UnitTestTree, path = 'src/app.module.ts') => tree.readText(path);
/** However it is laid out. */
const flat = (text: string) => text.replace(/\s+/g, ' ').replace(/\[ /g, '[').replace(/,? \]/g, ']');

describe('nest add', () => {
  test('writes nothing anew when it runs again', async () => {
    const first = await added();
    const before = Object.fromEntries(first.files.map((path) => [path, first.readText(path)]));
    const second = await runner().runSchematic('nest-add', { sourceRoot: 'src' }, first);
    expect(Object.fromEntries(second.files.map((path) => [path, second.readText(path)]))).toEqual(before);
  });

  test('names the packages that are missing, and leaves the others as they are', async () => {
    const dependencies = { '@nestjs/core': '^12.0.1', typeorm: '1.1.0', 'class-validator': '0.15.1' };
    const tree = await added({ 'package.json': JSON.stringify({ dependencies }) });
    const written = (tree.readJson('package.json') as { dependencies: Record<string, string> }).dependencies;
    expect(written).toMatchObject({ ...dependencies, '@nestjs/jwt': '^12.0.0', passport: '^0.7.0' });
  });

  test('takes the versions that go with Nest 11', async () => {
    const tree = await added({ 'package.json': '{"dependencies":{"@nestjs/core":"^11.1.0"}}' });
    const { dependencies } = tree.readJson('package.json') as { dependencies: Record<string, string> };
    expect(dependencies).toMatchObject({
      '@nestjs/jwt': '^11.0.0',
      '@nestjs/config': '^4.0.0',
      'class-validator': '^0.14.0',
    });
  });

  test('installs them, unless it is told not to, or nothing is missing', async () => {
    const installed = async (options: object, again = false) => {
      const run = runner();
      const tree = await run.runSchematic('nest-add', { sourceRoot: 'src' }, await added());
      if (again) return run.tasks.length;
      tree.overwrite('package.json', '{}');
      await run.runSchematic('nest-add', { sourceRoot: 'src', ...options }, tree);
      return run.tasks.filter(({ name }) => name === 'node-package').length;
    };
    expect(await installed({})).toBe(1);
    expect(await installed({ skipInstall: true })).toBe(0);
    // As the Nest CLI hands it on.
    expect(await installed({ skipInstall: 'nestjs-refresh-token' })).toBe(0);
    expect(await installed({}, true)).toBe(0);
  });

  test.each([
    ['', '.js'],
    ['"type":"commonjs",', ''],
  ])('writes imports as the application does', async (_, extension) => {
    const type = extension === '.js' ? '"type":"module",' : '';
    const tree = await added({ 'package.json': `{${type}"dependencies":{}}` });
    expect(read(tree)).toContain(`from './auth-users/auth-users.service${extension}'`);
    expect(read(tree, 'src/auth-users/auth-users.module.ts')).toContain(`'./auth-users.service${extension}'`);
  });

  test('keeps the user provider, the secret and the variables that are there', async () => {
    const tree = await added({
      'src/auth-users/auth-users.service.ts': '/** My UserProvider. */',
      '.env': 'AUTH_SECRET=mine',
      '.env.example': 'PORT=3000',
    });
    expect(read(tree, 'src/auth-users/auth-users.service.ts')).toBe('/** My UserProvider. */');
    expect(read(tree, '.env')).toBe('AUTH_SECRET=mine');
    expect(read(tree, '.env.example')).toMatch(/^PORT=3000\n[^]*AUTH_SECRET=\n/);
  });

  test('installs drivers only for the data source that it writes', async () => {
    const drivers = async (metadata: string) => {
      const tree = await added({ 'src/app.module.ts': moduleWith(metadata) });
      const { dependencies } = tree.readJson('package.json') as { dependencies: Record<string, string> };
      return ['pg', '@electric-sql/pglite'].filter((name) => name in dependencies);
    };
    expect(await drivers('imports: []')).toEqual(['pg', '@electric-sql/pglite']);
    expect(await drivers("imports: [TypeOrmModule.forRoot({ type: 'mysql', entities: [User] })]")).toEqual([]);
  });

  test('leaves an application alone whose AuthModule is registered in another file', async () => {
    const own = "import { AuthModule } from 'nestjs-refresh-token';";
    const registered = moduleWith('imports: [AuthModule.forRoot({ userProvider: Users })]', own);
    const tree = await added({ 'src/sessions.module.ts': registered });
    expect(read(tree)).toBe(moduleWith('imports: []'));
    expect(tree.exists('src/auth-users/auth-users.service.ts')).toBe(false);
  });

  describe('where the module of the application is written unusually', () => {
    test.each([
      ['with its type', '@Module({ imports: [Cats] } satisfies ModuleMetadata)'],
      ['as a type', '@Module(<ModuleMetadata>({ imports: [Cats] } as ModuleMetadata))'],
      ['as a constant', 'const metadata: ModuleMetadata = { imports: [Cats] };\n@Module(metadata)'],
      ['after another one', '@Module({ imports: [Dogs] })\nexport class Zoo {}\n@Module({ imports: [Cats] })'],
    ])('adds to it: %s', async (_, decorator) => {
      const { tree, said } = await heard({ 'src/app.module.ts': `${decorator}\nexport class AppModule {}\n` });
      const text = flat(read(tree));
      expect(text).toContain('imports: [Cats, ConfigModule.forRoot({');
      expect(text).toMatch(/providers: \[\s?\{ provide: APP_FILTER, useClass: AuthExceptionFilter \}\]/);
      expect(said).not.toContain('By hand');
    });

    test.each([
      ['@Module(metadata)\nexport class AppModule {}'],
      ['@Module(metadataOf(Cats))\nexport class AppModule {}'],
      ['@Module({ ...metadata })\nexport class AppModule {}'],
      ['@Module()\nexport class AppModule {}'],
      ['@nest.Module({})\nexport class AppModule {}'],
      ['export const AppModule = {};'],
      ['@Module({})\nexport class One {}\n@Module({})\nexport class Two {}'],
    ])('says what to write by hand, also the second time: %j', async (text) => {
      const first = await heard({ 'src/app.module.ts': text });
      const said = flat(first.said);
      expect(said).toContain('src/app.module.ts: its @Module cannot be edited automatically. By hand, add');
      expect(said).toMatch(
        /imports: \[ConfigModule\.forRoot\(.* TypeOrmModule\.forRootAsync\(.* AuthModule\.forRootAsync\(/,
      );
      expect(said).toContain('providers: [{ provide: APP_FILTER, useClass: AuthExceptionFilter }]');
      expect(read(first.tree)).toContain(text);
      const files = Object.fromEntries(first.tree.files.map((path) => [path.slice(1), first.tree.readText(path)]));
      const second = await heard(files);
      expect(read(second.tree)).toBe(read(first.tree));
      expect(second.said).toContain('By hand, add');
    });

    test('says what is left of it, where a part can be added', async () => {
      const { tree, said } = await heard({ 'src/app.module.ts': moduleWith('...base, imports: []') });
      expect(flat(read(tree))).toContain('AuthModule.forRootAsync({');
      expect(said).toContain('By hand, add\n  providers: [');
      expect(said).not.toContain('  imports: [');
    });
  });

  describe('next to an AuthModule of the application', () => {
    const OWN = "import { AuthModule } from './auth/auth.module.js';";

    test('imports its own by another name, once', async () => {
      const first = await added({ 'src/app.module.ts': moduleWith('imports: [AuthModule]', OWN) });
      const text = flat(read(first));
      expect(text).toMatch(/imports: \[ ?AuthModule, ConfigModule\.forRoot/);
      expect(text).toContain('RefreshTokenModule.forRootAsync({');
      expect(text).toContain(
        "import { AuthExceptionFilter, AuthModule as RefreshTokenModule } from 'nestjs-refresh-token'",
      );
      const second = await runner().runSchematic('nest-add', { sourceRoot: 'src' }, first);
      expect(flat(read(second))).toBe(text);
    });

    test('also where that one is registered by forRoot, or stands in the same file', async () => {
      const registered = { 'src/app.module.ts': moduleWith('imports: [AuthModule.forRoot({})]', OWN) };
      expect(read(await added(registered))).toContain('RefreshTokenModule.forRootAsync({');
      const declared = { 'src/app.module.ts': `class AuthModule {}\n${moduleWith('imports: [AuthModule]')}` };
      expect(read(await added(declared))).toContain('RefreshTokenModule.forRootAsync({');
    });

    test('also next to a ConfigModule and a filter of its own', async () => {
      const own =
        "import { ConfigModule } from './config.module.js';\nimport { AuthExceptionFilter } from './filter.js';";
      const text = flat(read(await added({ 'src/app.module.ts': moduleWith('imports: [ConfigModule]', own) })));
      expect(text).toContain('NestConfigModule.forRoot({');
      expect(text).toContain('imports: [NestConfigModule, AuthUsersModule]');
      expect(text).toContain('useClass: RefreshTokenExceptionFilter');
    });
  });

  test('imports a ConfigModule that need not be global', async () => {
    const own = "import { ConfigModule } from '@nestjs/config';";
    const text = flat(read(await added({ 'src/app.module.ts': moduleWith('imports: [ConfigModule.forRoot()]', own) })));
    expect(text).toContain('TypeOrmModule.forRootAsync({ imports: [ConfigModule], inject: [ConfigService]');
    expect(text).toContain('AuthModule.forRootAsync({ imports: [ConfigModule, AuthUsersModule],');
    expect(text.match(/ConfigModule\.forRoot/g)).toHaveLength(1);
  });

  test('imports as a value what was imported as a type', async () => {
    const types = (line: string) => added({ 'src/app.module.ts': moduleWith('imports: []', line) });
    const whole = read(await types("import type { ConfigFactory, ConfigService } from '@nestjs/config';"));
    expect(whole).toContain("import { type ConfigFactory, ConfigService } from '@nestjs/config';");
    const single = read(await types("import { type ConfigService, registerAs } from '@nestjs/config';"));
    expect(single).toContain("import { ConfigService, registerAs } from '@nestjs/config';");
    for (const text of [whole, single]) {
      expect(text).toContain("import { ConfigModule } from '@nestjs/config';");
    }
  });

  test('adds to lists that are named after their property', async () => {
    const text = flat(read(await added({ 'src/app.module.ts': moduleWith('imports, providers') })));
    expect(text).toContain('imports: [...imports, ConfigModule.forRoot');
    expect(text).toContain('providers: [...providers, { provide: APP_FILTER');
    expect(text.match(/imports: \[\.\.\./g)).toHaveLength(1);
  });

  test('puts a secret of 48 random bytes into .env alone, and has it ignored', async () => {
    const [one, two] = [await added({ '.gitignore': 'node_modules\n.env.local\n' }), await added()];
    const secretIn = (tree: UnitTestTree) => /^AUTH_SECRET=(.*)$/m.exec(read(tree, '.env'))![1];
    expect(Buffer.from(secretIn(one), 'base64url')).toHaveLength(48);
    expect(secretIn(two)).not.toBe(secretIn(one));
    expect(read(one, '.gitignore')).toBe('node_modules\n.env.local\n.database\n.env\n');
    const elsewhere = one.files.filter((path) => path !== '/.env');
    for (const path of elsewhere) expect(one.readText(path)).not.toContain(secretIn(one));
  });

  test.each(['AUTH_SECRET=', 'AUTH_SECRET=""', 'export AUTH_SECRET= '])(
    'fills in a secret that is empty: %s',
    async (line) => {
      const env = read(await added({ '.env': `PORT=3000\n${line}\nLAST=1\n` }), '.env');
      expect(env).toMatch(/^PORT=3000\n(export )?AUTH_SECRET=[\w-]{64}\nLAST=1\n$/);
    },
  );

  test.each(['.env\n!.env\n', '*\n!/.env\n', '.env*\n!.env*\n'])(
    'puts no secret where git would take it up: %j',
    async (ignored) => {
      const { tree, said } = await heard({ '.gitignore': ignored });
      expect(tree.exists('.env')).toBe(false);
      expect(said).toContain('.gitignore allows .env in git, so AUTH_SECRET was not written there');
    },
  );

  test.each(['.env*\n!.env.example\n', '/.env\n', '!.env\n.env\n', '**/.env\n'])(
    'leaves a .gitignore as it is that has .env ignored: %j',
    async (ignored) => {
      const tree = await added({ '.gitignore': ignored });
      expect(read(tree, '.gitignore')).toBe(`${ignored}.database\n`);
      expect(tree.exists('.env')).toBe(true);
    },
  );

  describe('gives the table of sessions to a data source that is there', () => {
    test.each([
      ['in forRoot', "TypeOrmModule.forRoot({ type: 'postgres', entities: [User], migrations: [] })"],
      ['in a factory', 'TypeOrmModule.forRootAsync({ useFactory: () => ({ entities: [User], migrations: [] }) })'],
      [
        'in a factory that returns',
        'TypeOrmModule.forRootAsync({ useFactory: () => { return { entities: [User], migrations: [] }; } })',
      ],
    ])('%s', async (_, typeOrm) => {
      const module = moduleWith(`imports: [${typeOrm}]`);
      const text = flat(read(await added({ 'src/app.module.ts': module })));
      expect(text).toContain('entities: [User, ...refreshTokenEntities]');
      expect(text).toContain('migrations: [...refreshTokenMigrations]');
      expect(text).toMatch(/import \{ refreshTokenEntities, refreshTokenMigrations,? \}/);
      expect(text.match(/TypeOrmModule\.forRoot/g)).toHaveLength(1);
    });

    test('where the lists are composed elsewhere, or missing', async () => {
      const module = moduleWith("imports: [TypeOrmModule.forRoot({ type: 'postgres', entities: ALL })]");
      const text = flat(read(await added({ 'src/app.module.ts': module })));
      expect(text).toContain('entities: [...ALL, ...refreshTokenEntities]');
      expect(text).toContain('migrations: [...refreshTokenMigrations]');
    });

    test('in other files, of the application and of the TypeORM CLI', async () => {
      const tree = await added({
        'src/database.module.ts': moduleWith('imports: [TypeOrmModule.forRoot({ entities: [User] })]'),
        'src/data-source.ts': 'export default new DataSource({ entities: [User], migrations: [One] });',
      });
      expect(read(tree)).not.toContain('TypeOrmModule');
      expect(flat(read(tree, 'src/database.module.ts'))).toContain('[User, ...refreshTokenEntities]');
      expect(flat(read(tree, 'src/data-source.ts'))).toContain('migrations: [One, ...refreshTokenMigrations]');
    });

    test.each([
      [
        'that has a name',
        "imports: [TypeOrmModule.forRoot({ name: 'legacy', entities: [Old] }), TypeOrmModule.forRoot({ entities: [User] })]",
      ],
      [
        'that a factory makes, and has a name',
        "imports: [TypeOrmModule.forRootAsync({ name: 'legacy', useFactory: () => ({ entities: [Old] }) }), " +
          'TypeOrmModule.forRootAsync({ useFactory: () => ({ entities: [User] }) })]',
      ],
    ])('but not to one %s', async (_, metadata) => {
      const text = flat(read(await added({ 'src/app.module.ts': moduleWith(metadata) })));
      expect(text).toContain('entities: [Old] }');
      expect(text).toContain('entities: [User, ...refreshTokenEntities]');
    });

    test.each([
      ['with names alone', 'src/legacy.module.ts', "TypeOrmModule.forRoot({ name: 'legacy', entities: [Old] });"],
      ['in tests alone', 'src/users.spec.ts', 'TypeOrmModule.forRoot({ entities: [User] });'],
      ['in end-to-end tests alone', 'src/app.e2e-spec.ts', 'new DataSource({ entities: [User] });'],
      ['in words alone', 'src/notes.ts', '// Here stood TypeOrmModule.forRoot(…) and new DataSource({ entities: [] })'],
    ])('and one to an application that has them %s, and says so', async (_, path, text) => {
      const { tree, said } = await heard({ [path]: text });
      expect(read(tree, path)).toBe(text);
      expect(flat(read(tree))).toContain('TypeOrmModule.forRootAsync({ imports: [ConfigModule]');
      expect(said).toContain('No data source without a name was found in src, so one was created');
    });

    test('and says so if the data source is not from TypeOrmModule', async () => {
      const { tree, said } = await heard({ 'src/data-source.ts': 'new DataSource({ entities: [User] });' });
      expect(read(tree, 'src/data-source.ts')).toContain('[User, ...refreshTokenEntities]');
      expect(said).toContain('No TypeOrmModule.forRoot was found in src');
    });

    test('and says so where the options are spread from elsewhere', async () => {
      const module = moduleWith('imports: [TypeOrmModule.forRoot({ ...options })]');
      const { tree, said } = await heard({ 'src/app.module.ts': module });
      expect(read(tree)).toContain('TypeOrmModule.forRoot({ ...options })');
      expect(said).toMatch(/src\/app\.module\.ts: add \.\.\.refreshTokenEntities .* by hand/);
    });

    test('and says so where it has to be done by hand', async () => {
      const module = moduleWith('imports: [TypeOrmModule.forRoot(options)]');
      const { said } = await heard({ 'src/app.module.ts': module });
      expect(said).toMatch(/src\/app\.module\.ts: add \.\.\.refreshTokenEntities .* by hand/);
    });
  });

  test('says what to write where there is no application', async () => {
    const tree = new UnitTestTree(Tree.empty());
    const run = () => runner().runSchematic('nest-add', { sourceRoot: 'source' }, tree);
    await expect(run()).rejects.toThrow('There is no package.json here');
    tree.create('package.json', '{}');
    await expect(run()).rejects.toThrow('There is no source/app.module.ts. Name the source folder');
  });
});

describe('nest generate guarded-resource', () => {
  const generate = async (options: object) =>
    runner().runSchematic('guarded-resource', { sourceRoot: 'src', ...options }, await added());

  test('writes a controller, a test and a module, and imports it once', async () => {
    const tree = await generate({ name: 'userProfiles', role: 'editor' });
    expect(tree.files).toEqual(
      expect.arrayContaining([
        '/src/user-profiles/user-profiles.controller.ts',
        '/src/user-profiles/user-profiles.controller.spec.ts',
        '/src/user-profiles/user-profiles.module.ts',
      ]),
    );
    const controller = read(tree, 'src/user-profiles/user-profiles.controller.ts');
    expect(controller).toContain("@Controller('user-profiles')\n@UseGuards(JwtAuthGuard, RolesGuard)");
    expect(controller).toContain("@Roles('editor')");
    expect(controller).toContain('export class UserProfilesController');
    const again = await runner().runSchematic('guarded-resource', { sourceRoot: 'src', name: 'user-profiles' }, tree);
    expect(read(again).match(/UserProfilesModule,/g)).toHaveLength(1);
  });

  test('follows the options of the Nest CLI', async () => {
    const options = { name: 'cats', path: 'zoo', spec: false, skipImport: true, language: 'ts', flat: false };
    const tree = await generate(options);
    expect(tree.exists('src/zoo/cats/cats.controller.ts')).toBe(true);
    expect(tree.exists('src/zoo/cats/cats.controller.spec.ts')).toBe(false);
    expect(read(tree)).not.toContain('CatsModule');
    const renamed = await generate({ name: 'cats', specFileSuffix: 'test' });
    expect(renamed.exists('src/cats/cats.controller.test.ts')).toBe(true);
  });

  test('says what to import by hand, where the module cannot be added to', async () => {
    const run = runner();
    const said: string[] = [];
    run.logger.subscribe(({ message }) => said.push(message));
    const before = await added({ 'src/app.module.ts': '@Module(metadata)\nexport class AppModule {}' });
    await run.runSchematic('guarded-resource', { sourceRoot: 'src', name: 'cats' }, before);
    expect(said.join()).toContain('By hand, add\n  imports: [\n    CatsModule,\n  ]');
  });

  test.each([
    [{ name: '---' }, /has no letters/],
    [{ name: 'cats', role: "a' + danger + '" }, /must be plain text/],
  ])('refuses %j', async (options, message) => {
    await expect(generate(options)).rejects.toThrow(message);
  });
});
