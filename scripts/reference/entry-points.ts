import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { declaration, documented, firstSentence, root, sourceFile } from './docstrings.js';
import { page } from './page.js';
import { type Needs, needsOf } from './peers.js';

interface Manifest {
  name: string;
  exports: Record<string, { types?: string; default?: string } | string>;
}

/** One entry point of the package. */
interface EntryPoint {
  /** For example `nestjs-refresh-token/redis`. */
  readonly title: string;
  /** The file that exports its names, relative to the repository. */
  readonly source: string;
  readonly isBundle: boolean;
  readonly names: readonly { readonly name: string; readonly path: string }[];
}

const INTRODUCTION = `The package has several entry points, so that you install and load only what you use. All are ES modules; Node.js 20.19 and later
can \`require\` them too.

"The peer packages" are those that the package itself needs: Nest, TypeORM, Passport, \`class-validator\` and the others in
\`peerDependencies\` that are not optional. The optional ones are listed with the entry point that needs them.`;

/** Those of `package.json`, as the sources export their names. */
export function entries(): EntryPoint[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  return Object.entries(exports).flatMap(([entry, target]) => {
    if (typeof target === 'string' || target.types === undefined) return [];
    const source = target.types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts');
    const isBundle = target.default?.endsWith('.min.js') ?? false;
    return [{ title: join(name, entry), source, isBundle, names: isBundle ? [] : exported(source) }];
  });
}

/** `docs/reference/entry-points.md`. */
export function entryPointsPage(): Promise<string> {
  return page('Entry points', INTRODUCTION, entries().flatMap(section));
}

function section({ title, source, isBundle, names }: EntryPoint): string[] {
  return [
    `## \`${title}\``,
    isBundle ? bundleOf(title, source) : purposeOf(source),
    `It needs: ${written(needsOf(source))}.`,
    ...(names.length > 0 ? [names.map(({ name, path }) => line(path, name)).join('\n')] : []),
  ];
}

function bundleOf(title: string, source: string): string {
  const [packageName] = title.split('/');
  const entry = source.replace(/^src\/|\/index\.ts$/g, '');
  const whole = entry === 'client' ? '' : ' It imports `./client.min.js`: serve both files from the same folder.';
  return `\`${packageName}/${entry}\` in one file, for \`<script type="module">\`. It exports the same names.${whole}`;
}

/** The comment at the top of its file. */
function purposeOf(source: string): string {
  const lines = sourceFile(source).text.split('\n');
  const comment = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
  if (comment.length === 0) throw new Error(`${source} does not begin with a comment that says what it is for.`);
  const text = comment.map((line) => line.replace(/^\/\/ ?/, '')).join(' ');
  const purpose = firstSentence(text.replace(/^(`[^`]+`|The main entry point): /, ''));
  return purpose[0].toUpperCase() + purpose.slice(1);
}

function written({ peers, optional, onDemand }: Needs): string {
  const packages = [
    ...(peers ? ['the peer packages'] : []),
    ...optional.map((name) => `\`${name}\``),
    ...onDemand.map((name) => `\`${name}\` (${ON_DEMAND[name] ?? 'loaded at the first use'})`),
  ];
  return packages.length === 0 ? 'nothing' : packages.join(', ');
}

/** When a package is loaded that is not always. */
const ON_DEMAND: Record<string, string> = {
  argon2: "with `refreshToken.hasher: 'argon2id'`",
  '@nestjs/event-emitter': 'if its module is imported, events go there too',
  supertest: 'for `agent`',
  redis: 'for the functions whose names begin with `redis`',
};

/** Every name that a file exports, and the file that declares it. */
function exported(path: string): { name: string; path: string }[] {
  return sourceFile(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      const from = sourceAt(path, (statement.moduleSpecifier as ts.StringLiteral).text);
      return statement.exportClause.elements.map(({ name }) => ({ name: name.text, path: from }));
    }
    const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport);
    return isExported ? [{ name: (statement as ts.DeclarationStatement).name!.getText(), path }] : [];
  });
}

const isExport = ({ kind }: ts.Modifier) => kind === ts.SyntaxKind.ExportKeyword;

function sourceAt(path: string, specifier: string): string {
  const source = join(dirname(path), specifier.replace(/\.js$/, '.ts'));
  if (!existsSync(join(root, source))) throw new Error(`${path} exports from ${specifier}, which does not exist.`);
  return source;
}

function line(path: string, name: string): string {
  const { text } = documented(declaration(path, name));
  if (text === '') throw new Error(`${name} in ${path} is exported and has no docstring.`);
  return `- \`${name}\`: ${firstSentence(text).replace(/\s+/g, ' ')}`;
}
