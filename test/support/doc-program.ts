import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import './built.js';
import {
  fileOf,
  filesOf,
  isTypeScript,
  type Page,
  placeOf,
  reasonNotToRun,
  type Sample,
  samplesOf,
  START_PAGE,
} from './doc-samples.js';
import { root } from './root.js';

/** A page, compiled. */
export interface CompiledPage {
  path: string;
  /** What the compiler says, each with its place in the page. */
  errors: string[];
  /** The samples to run, in their order. */
  runs: Run[];
  /** The samples that are compiled only. */
  skipped: { place: string; reason: string }[];
  /** The compiled classes of the reader's application, by their names. */
  application: Record<'AppModule' | 'UsersModule' | 'UsersService', string>;
  /** Names of environment variables that hold secrets, and the names that go with them. */
  secrets: string[];
  /** Names of GeoIP databases. */
  geoIpFiles: string[];
  /** Whether it starts embedded databases. */
  usesPglite: boolean;
}

export interface Run {
  sample: Sample;
  /** The compiled file. */
  file: string;
  /** A file of the application, and not a fragment. */
  isFile: boolean;
}

export interface CompiledPages {
  pages: CompiledPage[];
  /** Of the program that runs the samples. */
  runner: string;
  /** Replaces the places of compiled samples in a text by their places in the pages. */
  located(text: string): string;
}

// In the folder of the tests, and in the folder of the program.
const READER = 'docs/reader.ts';
const RUNNER = 'support/doc-samples.program.ts';

const OPTIONS: ts.CompilerOptions = {
  // As an application of the Nest CLI has them.
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  types: ['node'],
  strict: true,
  strictPropertyInitialization: false,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  isolatedModules: true,
  skipLibCheck: true,
  sourceMap: true,
};

/** The application of each page is in a folder of its own. A fragment is a file of that application. */
export async function compilePages(pages: Page[], folder: string): Promise<CompiledPages> {
  await prepareFolder(folder);
  const start = pages.find(({ path }) => path === START_PAGE);
  if (!start) throw new Error(`${START_PAGE} has the application of the reader, and is missing.`);
  const inherited = filesOf(start);
  const names = [...(await readFile(join(root, 'test', READER), 'utf8')).matchAll(/^export let (\w+)/gm)].map(
    ([, name]) => name,
  );
  const written = new Map<string, Sample>();
  const compiled: CompiledPage[] = [];
  for (const page of pages) compiled.push(await writePage(page, { inherited, names, folder, written }));

  const runner = join(folder, RUNNER);
  const output = join(folder, 'out');
  const notRun = [...written].filter(([, sample]) => reasonNotToRun(sample) !== undefined).map(([file]) => file);
  const applications = compiled.flatMap(({ application }) => Object.values(application));
  const fragments = compiled.flatMap(({ runs }) => runs.map(({ file }) => file));
  const roots = [...new Set([runner, ...applications, ...fragments, ...notRun])];
  const program = ts.createProgram(roots, { ...OPTIONS, rootDir: folder, outDir: output });
  const { diagnostics } = program.emit();
  for (const diagnostic of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
    const name = diagnostic.file?.fileName ?? '';
    const owner = compiled.find((page) => name.startsWith(`${folderOf(page.path, folder)}/`));
    const sample = written.get(name);
    if (!owner || !sample || !diagnostic.file) throw new Error(`${name}: ${message}`);
    const line = sample.line + diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start!).line;
    const place = placeOf({ ...sample, line });
    owner.errors.push(`${owner.path === sample.page ? '' : `${owner.path}, with `}${place}: ${message}`);
  }

  const outputOf = (file: string) => join(output, relative(folder, file)).replace(/\.ts$/, '.js');
  for (const page of compiled) {
    for (const run of page.runs) run.file = outputOf(run.file);
    const { application } = page;
    for (const name of Object.keys(application) as (keyof typeof application)[]) {
      application[name] = outputOf(application[name]);
    }
  }
  return {
    pages: compiled,
    runner: outputOf(runner),
    located: (text) =>
      text.replaceAll(/(?:file:\/\/)?(\/[^\s():]+\.ts):(\d+)(?::\d+)?/g, (place, file: string, line: string) => {
        const sample = written.get(file);
        return sample ? `${sample.page}:${sample.line + Number(line) - 1}` : place;
      }),
  };
}

/** The packages that are installed here, this one among them, and the two files around the samples. */
async function prepareFolder(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  await mkdir(modules, { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  // Platforms that cannot run here: the few functions of theirs that the samples call.
  const platforms = join(root, 'test/docs/modules');
  for (const name of await readdir(platforms)) await symlink(join(platforms, name), join(modules, name));
  await symlink(root, join(modules, 'nestjs-refresh-token'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'samples', type: 'module' }));
  for (const path of [READER, RUNNER]) await cp(join(root, 'test', path), join(folder, path));
}

const folderOf = (page: string, folder: string) =>
  join(folder, 'pages', page.replace(/\.md$/, '').replaceAll('/', '+'));

interface Setting {
  /** The files of the application of {@link START_PAGE}. */
  inherited: Map<string, Sample>;
  /** What a fragment can use without an import. */
  names: string[];
  folder: string;
  /** What has been written, by its path. */
  written: Map<string, Sample>;
}

async function writePage(page: Page, { inherited, names, folder, written }: Setting): Promise<CompiledPage> {
  const home = folderOf(page.path, folder);
  const own = filesOf(page);
  const files = new Map([...inherited, ...own]);
  for (const [path, sample] of files) await write(join(home, path), sample, sample.text);

  // A page may have the service in the file of the module.
  const hasService = (path: string) => /class UsersService\b/.test(files.get(path)?.text ?? '');
  const module = 'src/users/users.module.ts';
  const service = hasService(module) ? module : 'src/users/users.service.ts';
  const compiled: CompiledPage = {
    path: page.path,
    errors: [],
    runs: [],
    skipped: [],
    application: {
      AppModule: join(home, 'src/app.module.ts'),
      UsersModule: join(home, module),
      UsersService: join(home, service),
    },
    secrets: [...new Set(page.text.match(/\b[A-Z][A-Z0-9_]*(?:SECRET|CLIENT_ID)[A-Z0-9_]*\b/g))],
    usesPglite: page.text.includes('pgliteDataSourceOptions('),
    geoIpFiles: [...new Set(page.text.match(/(?<![\w./-])[\w./-]+\.mmdb\b/g))],
  };
  for (const sample of samplesOf(page).filter(isTypeScript)) {
    const path = fileOf(sample);
    const file = join(home, path ?? `src/sample-${sample.line}.ts`);
    if (!path) await write(file, sample, fragment(sample.text, names, service));
    const reason = reasonNotToRun(sample);
    if (reason === undefined) compiled.runs.push({ sample, file, isFile: path !== undefined });
    else compiled.skipped.push({ place: placeOf(sample), reason });
  }
  return compiled;

  async function write(file: string, sample: Sample, text: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    written.set(file, sample);
  }
}

/**
 * The text of a fragment as a module. What the test adds to it is on the first and the last line, and on the lines of the
 * expressions: the numbers of the lines stay.
 */
function fragment(text: string, names: string[], service: string): string {
  const source = ts.createSourceFile('fragment.ts', text, ts.ScriptTarget.ES2023, true);
  const declared = declaredNames(source);
  const unless = (wanted: string[]) => wanted.filter((name) => !declared.has(name)).join(', ');
  const imports = [
    `import { ${unless(names)} } from '../../../docs/reader.js';`,
    `import { ${unless(['UsersModule'])} } from './users/users.module.js';`,
    `import { ${unless(['UsersService'])} } from './${relative('src', service).replace(/\.ts$/, '.js')}';`,
    `import { use as $use } from '../../../support/doc-samples.program.js';`,
  ];
  const classes = source.statements.filter(ts.isClassDeclaration).flatMap(({ name }) => name?.text ?? []);
  let result = text;
  for (const { list, expression } of registrations(source).reverse()) {
    const [from, to] = [expression.getStart(source), expression.end];
    result = `${result.slice(0, from)}$use('${list}', ${result.slice(from, to)})${result.slice(to)}`;
  }
  return `${imports.join(' ')} ${result}\nexport const $classes = [${classes.join(', ')}];\n`;
}

/** The expressions that the runner puts into an application: each `X.forRoot(…)`, and lists as `providers: […]`. */
function registrations(source: ts.SourceFile): { list: string; expression: ts.Expression }[] {
  const found: { list: string; expression: ts.Expression }[] = [];
  for (const statement of source.statements) {
    if (ts.isLabeledStatement(statement) && ts.isExpressionStatement(statement.statement)) {
      found.push({ list: statement.label.text, expression: statement.statement.expression });
    } else if (ts.isExpressionStatement(statement)) {
      modulesIn(statement.expression);
    } else if (ts.isVariableStatement(statement)) {
      for (const { initializer } of statement.declarationList.declarations) if (initializer) modulesIn(initializer);
    }
  }
  return found;

  function modulesIn(expression: ts.Expression): void {
    if (ts.isArrayLiteralExpression(expression)) expression.elements.forEach(modulesIn);
    if (!ts.isCallExpression(expression) || !ts.isPropertyAccessExpression(expression.expression)) return;
    if (/^(forRoot|register)(Async)?$/.test(expression.expression.name.text)) {
      found.push({ list: 'imports', expression });
    }
  }
}

/** The names that a fragment imports or declares at its top. */
function declaredNames(source: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const add = (name: ts.BindingName | undefined): void => {
    if (!name) return;
    if (ts.isIdentifier(name)) names.add(name.text);
    else name.elements.forEach((element) => ts.isBindingElement(element) && add(element.name));
  };
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) statement.declarationList.declarations.forEach(({ name }) => add(name));
    else if (ts.isImportDeclaration(statement)) {
      const { name, namedBindings } = statement.importClause ?? {};
      add(name);
      if (namedBindings && ts.isNamespaceImport(namedBindings)) add(namedBindings.name);
      else namedBindings?.elements.forEach((element) => add(element.name));
    } else if (
      ts.isClassDeclaration(statement) ||
      ts.isFunctionDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isEnumDeclaration(statement)
    ) {
      add(statement.name);
    }
  }
  return names;
}
