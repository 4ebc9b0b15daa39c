import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { root, sourceFile } from './docstrings.js';

/** The peer packages that an entry point needs. */
export interface Needs {
  /** Whether it needs the peers that are not optional. */
  readonly peers: boolean;
  /** The optional peers that it imports, or whose types it uses. */
  readonly optional: readonly string[];
  /** The optional peers that it imports only when it uses them. */
  readonly onDemand: readonly string[];
}

interface Manifest {
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

/** @param path a source file; the files that it imports count too */
export function needsOf(path: string): Needs {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const isOptional = (name: string) => manifest.peerDependenciesMeta[name]?.optional === true;
  const imports = new Map<string, 'static' | 'dynamic'>();
  // What a file of the main entry point loads on demand is listed there.
  const isOwn = (by: string) => by.split('/')[1] === path.split('/')[1];
  collect(path, new Set(), (name, how, by) => {
    if (how === 'dynamic' && !isOwn(by)) return;
    if (!(name in manifest.peerDependencies) || imports.get(name) === 'static') return;
    imports.set(name, how);
  });
  const names = [...imports.keys()].sort();
  return {
    peers: names.some((name) => !isOptional(name)),
    optional: names.filter((name) => isOptional(name) && imports.get(name) === 'static'),
    onDemand: names.filter((name) => isOptional(name) && imports.get(name) === 'dynamic'),
  };
}

type Found = (name: string, how: 'static' | 'dynamic', by: string) => void;

function collect(path: string, seen: Set<string>, found: Found): void {
  if (seen.has(path)) return;
  seen.add(path);
  const file = sourceFile(path);
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    if (!statement.moduleSpecifier) continue;
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
    if (specifier.startsWith('.')) {
      if (!isForTypes(statement)) collect(join(dirname(path), specifier.replace(/\.js$/, '.ts')), seen, found);
      // The types of a package that is loaded on demand do not make it needed.
    } else if (!isForTypes(statement) || !loadsOnDemand(file, packageOf(specifier))) {
      found(packageOf(specifier), 'static', path);
    }
  }
  for (const name of onDemandIn(file)) found(name, 'dynamic', path);
}

function isForTypes(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  return statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

/** The packages that a file imports by `import('…')`. */
function onDemandIn(file: ts.SourceFile): string[] {
  return [...file.text.matchAll(/await import\('([^'.][^']*)'\)/g)].map(([, specifier]) => packageOf(specifier));
}

const loadsOnDemand = (file: ts.SourceFile, name: string) => onDemandIn(file).includes(name);

/** The name of the package in `@nestjs/common/internal`. */
const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
