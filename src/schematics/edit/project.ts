import type { Tree } from '@angular-devkit/schematics';
import { isIgnored } from './git-ignore.js';

interface PackageJson {
  type?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  jest?: { transformIgnorePatterns?: string[] };
}

/** The application that a schematic works on. */
export class Project {
  private readonly packageJson: PackageJson;

  constructor(
    readonly tree: Tree,
    readonly sourceRoot: string,
  ) {
    if (!tree.exists('package.json'))
      throw new Error('There is no package.json here. Run the command in the folder of the application.');
    this.packageJson = JSON.parse(tree.readText('package.json')) as PackageJson;
  }

  /** The extension of relative imports. CommonJS needs none. */
  get extension(): '.js' | '' {
    return this.packageJson.type === 'module' ? '.js' : '';
  }

  get modulePath(): string {
    const path = `${this.sourceRoot}/app.module.ts`;
    if (this.tree.exists(path)) return path;
    throw new Error(
      `There is no ${path}. Name the source folder: --source-root=apps/shop/src. ` +
        'For another layout, set it up by hand: see "Getting started" in the documentation of nestjs-refresh-token.',
    );
  }

  /** The major version of a dependency of the application, or the fallback if it is not listed. */
  majorOf(name: string, otherwise: string): string {
    const range = this.packageJson.dependencies?.[name] ?? '';
    return /\d+/.exec(range)?.[0] ?? otherwise;
  }

  /** Adds missing packages. Returns whether any were missing. */
  addDependencies(versions: Record<string, string>): boolean {
    const { dependencies = {}, devDependencies = {} } = this.packageJson;
    const missing = Object.entries(versions).filter(([name]) => !(name in dependencies) && !(name in devDependencies));
    if (missing.length === 0) return false;
    const all = { ...dependencies, ...Object.fromEntries(missing) };
    const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
    this.packageJson.dependencies = sorted;
    this.savePackageJson();
    return true;
  }

  /** Makes Jest transform packages of ES modules, because Jest cannot load them before Node.js 24.9. */
  transformInJest(names: string[]): void {
    const { jest } = this.packageJson;
    if (!jest || jest.transformIgnorePatterns) return;
    jest.transformIgnorePatterns = [`/node_modules/(?!(${names.join('|')})/)`];
    this.savePackageJson();
  }

  /** The source files that match the pattern, without tests. Paths are relative to the application. */
  sources(text: RegExp): string[] {
    const found: string[] = [];
    this.tree.getDir(this.sourceRoot).visit((path) => {
      const isSource = path.endsWith('.ts') && !/\.d\.ts$|[.-](spec|test)\.ts$|\/(__tests__|tests?|e2e)\//.test(path);
      if (isSource && text.test(this.tree.readText(path))) found.push(path.replace(/^\//, ''));
    });
    return found;
  }

  /** Writes a file, unless it exists. */
  createOnce(path: string, text: string): void {
    if (!this.tree.exists(path)) this.tree.create(path, text);
  }

  /** Adds lines if no line starts with `key`. */
  addLine(path: string, key: string, ...lines: string[]): void {
    const text = this.tree.exists(path) ? this.tree.readText(path) : '';
    if (text.split('\n').some((line) => line.trim().startsWith(key))) return;
    this.append(path, lines);
  }

  private savePackageJson(): void {
    this.tree.overwrite('package.json', `${JSON.stringify(this.packageJson, null, 2)}\n`);
  }

  private append(path: string, lines: string[]): void {
    const text = this.tree.exists(path) ? this.tree.readText(path) : '';
    const added = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${lines.join('\n')}\n`;
    if (this.tree.exists(path)) this.tree.overwrite(path, added);
    else this.tree.create(path, added);
  }

  /** Makes git ignore a file or folder at the root. Returns `false` if a line of .gitignore explicitly includes it. */
  ignore(name: string, { isFolder = false } = {}): boolean {
    const text = this.tree.exists('.gitignore') ? this.tree.readText('.gitignore') : '';
    const isThere = isIgnored(name, text, { isFolder });
    if (isThere === undefined) this.append('.gitignore', [name]);
    return isThere ?? true;
  }

  /** Sets a variable in an env file, for example .env, unless it has a value. */
  setVariable(path: string, name: string, value: string): void {
    const text = this.tree.exists(path) ? this.tree.readText(path) : '';
    const empty = new RegExp(`^([ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=)[ \\t]*(?:""|'')?[ \\t]*(?=\\r?$)`, 'm');
    if (empty.test(text)) this.tree.overwrite(path, text.replace(empty, `$1${value}`));
    else if (!new RegExp(`^[ \\t]*(export[ \\t]+)?${name}[ \\t]*=`, 'm').test(text)) {
      this.append(path, [`${name}=${value}`]);
    }
  }

  edit(path: string, text: string): void {
    if (this.tree.readText(path) !== text) this.tree.overwrite(path, text);
  }
}
