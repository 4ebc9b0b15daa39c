import type { Tree } from '@angular-devkit/schematics';
import ts from 'typescript';
import { formatted, type Written } from './formatting.js';
import { isIgnored } from './git-ignore.js';
import { JsonEdit } from './json-edit.js';
import { findRootModule, type RootModule } from './root-module.js';
import { inStyle, styleOf } from './text-style.js';

export interface PackageJson {
  type?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

interface NestCli {
  entryFile?: string;
  projects?: Record<string, { sourceRoot?: string; entryFile?: string }>;
}

/** The application that a schematic works on. */
export class Project {
  readonly sourceRoot: string;
  private readonly written = new Map<string, string | undefined>();
  private root: RootModule | undefined;

  constructor(
    readonly tree: Tree,
    { sourceRoot = 'src', project }: { sourceRoot?: string; project?: string },
  ) {
    if (!tree.exists('package.json'))
      throw new Error('There is no package.json here. Run the command in the folder of the application.');
    if (typeof ts.createSourceFile !== 'function') {
      throw new Error(
        'The installed TypeScript has no compiler API. Install TypeScript 5 or 6: npm install -D typescript@6',
      );
    }
    this.sourceRoot = (project === undefined ? sourceRoot : this.sourceRootOf(project)).replace(/^\.?\/|\/$/g, '');
  }

  get packageJson(): PackageJson {
    return this.json('package.json') as PackageJson;
  }

  /** The extension of relative imports, as the root module writes them. CommonJS needs none. */
  get extension(): '.js' | '' {
    const relative = [...this.read(this.rootModule.path).matchAll(/from ['"]\.{1,2}\/[^'"]*?(\.js)?['"]/g)];
    if (relative.length > 0) return relative.some(([, extension]) => extension) ? '.js' : '';
    return this.packageJson.type === 'module' ? '.js' : '';
  }

  /** The module that `main.ts` starts, or `app.module.ts`. */
  get rootModule(): RootModule {
    this.root ??= findRootModule(this, this.sourceRoot, this.entryFile);
    if (this.root) return this.root;
    throw new Error(
      `There is no ${this.sourceRoot}/app.module.ts. Name the source folder: --source-root=apps/shop/src. ` +
        `Or let ${this.sourceRoot}/main.ts start a module by NestFactory.create. ` +
        'For another layout, set it up by hand: see "Getting started" in the documentation of nestjs-refresh-token.',
    );
  }

  /** The major version of a dependency of the application, or the fallback if it is not listed. */
  majorOf(name: string, otherwise: string): string {
    const range = this.packageJson.dependencies?.[name] ?? '';
    return /\d+/.exec(range)?.[0] ?? otherwise;
  }

  has(name: string): boolean {
    const { dependencies = {}, devDependencies = {} } = this.packageJson;
    return name in dependencies || name in devDependencies;
  }

  /** Adds missing packages. Returns their names. */
  addDependencies(versions: Record<string, string>): string[] {
    const missing = Object.entries(versions).filter(([name]) => !this.has(name));
    const edit = new JsonEdit(this.read('package.json'), 'package.json');
    for (const [name, version] of missing) edit.addSorted('dependencies', name, version);
    this.write('package.json', edit.toString());
    return missing.map(([name]) => name);
  }

  exists(path: string): boolean {
    return this.tree.exists(path);
  }

  /** The text with its byte order mark, if it has one. */
  read(path: string): string {
    return this.tree.read(path)!.toString('utf8');
  }

  /** A JSON file, with or without comments; `{}` if it does not exist. */
  json(path: string): unknown {
    return this.exists(path) ? new JsonEdit(this.read(path), path).value : {};
  }

  /** The source files that match the pattern, without tests. Paths are relative to the application. */
  sources(text: RegExp): string[] {
    const found: string[] = [];
    this.tree.getDir(this.sourceRoot).visit((path) => {
      const isSource = path.endsWith('.ts') && !/\.d\.ts$|[.-](spec|test)\.ts$|\/(__tests__|tests?|e2e)\//.test(path);
      if (isSource && text.test(this.read(path))) found.push(path.replace(/^\//, ''));
    });
    return found;
  }

  /** Writes a file as the root module is written, unless it exists. */
  createOnce(path: string, text: string): void {
    if (!this.exists(path)) this.write(path, inStyle(text, styleOf(this.read(this.rootModule.path))));
  }

  /** Adds lines if no line starts with `key`. */
  addLine(path: string, key: string, ...lines: string[]): void {
    const text = this.textOf(path);
    if (text.split('\n').some((line) => line.trim().startsWith(key))) return;
    this.append(path, lines);
  }

  /** Makes git ignore a file or folder at the root. Returns `false` if a line of .gitignore explicitly includes it. */
  ignore(name: string, { isFolder = false } = {}): boolean {
    const text = this.textOf('.gitignore');
    const isThere = isIgnored(name, text, { isFolder });
    if (isThere === undefined) this.append('.gitignore', [name]);
    return isThere ?? true;
  }

  /** Sets a variable in an env file, for example .env, unless it has a value. */
  setVariable(path: string, name: string, value: string): void {
    const text = this.textOf(path);
    const empty = new RegExp(`^([ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=)[ \\t]*(?:""|'')?[ \\t]*(?=\\r?$)`, 'm');
    if (empty.test(text)) this.write(path, text.replace(empty, `$1${value}`));
    else if (!new RegExp(`^[ \\t]*(export[ \\t]+)?${name}[ \\t]*=`, 'm').test(text)) {
      this.append(path, [`${name}=${value}`]);
    }
  }

  write(path: string, text: string): void {
    const before = this.exists(path) ? this.read(path) : undefined;
    if (before === text) return;
    if (!this.written.has(path)) this.written.set(path, before);
    if (before === undefined) this.tree.create(path, text);
    else this.tree.overwrite(path, text);
  }

  /** What has been created or changed, in this order. */
  get changes(): Written[] {
    return [...this.written].map(([path, before]) => ({ path, before, after: this.read(path) }));
  }

  /** Formats what has been written, if the application has Prettier. */
  async format(): Promise<void> {
    for (const [path, text] of await formatted(process.cwd(), this.changes)) this.write(path, text);
  }

  private get nestCli(): NestCli {
    return this.json('nest-cli.json') as NestCli;
  }

  private get entryFile(): string {
    const { entryFile, projects = {} } = this.nestCli;
    const own = Object.values(projects).find(({ sourceRoot }) => sourceRoot === this.sourceRoot);
    return { entryFile, ...own }.entryFile ?? 'main';
  }

  /** '' if there is no such file. */
  private textOf(path: string): string {
    return this.exists(path) ? this.read(path) : '';
  }

  private sourceRootOf(project: string): string {
    const { projects = {} } = this.nestCli;
    const found = projects[project]?.sourceRoot;
    if (found !== undefined) return found;
    const known = Object.keys(projects).join(', ') || 'none';
    throw new Error(`nest-cli.json has no project '${project}' with a sourceRoot. Its projects: ${known}.`);
  }

  private append(path: string, lines: string[]): void {
    const text = this.textOf(path);
    const { eol } = styleOf(text);
    this.write(path, `${text}${text === '' || text.endsWith('\n') ? '' : eol}${lines.join(eol)}${eol}`);
  }
}
