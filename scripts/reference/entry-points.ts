import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { declaration, documented, firstSentence, root, sourceFile } from './docstrings.js';
import { page } from './page.js';

interface Manifest {
  exports: Record<string, { types?: string } | string>;
}

const INTRODUCTION = `The package has several entry points, so that you install and load only what you use. All are ES modules; Node.js 20.19 and later
can \`require\` them too.`;

/** The packages that an entry needs, beyond the package itself. */
const NEEDS: Record<string, string> = {
  '.': "Nest, TypeORM and Passport. With `hasher: 'argon2id'` also `argon2`",
  './binding': 'the same as `nestjs-refresh-token`',
  './client': 'nothing',
  './client.min.js': 'nothing',
  './geoip': '`mmdb-lib`',
  './metrics': '`prom-client`',
  './openapi': '`@nestjs/swagger`',
  './pglite': '`@electric-sql/pglite`',
  './redis': '`redis` 5 or 6',
  './risk': 'the same as `nestjs-refresh-token`',
  './sockets': 'the same as `nestjs-refresh-token`',
  './throttling': '`@nestjs/throttler`. `redisThrottlerStorage` also needs `redis`',
  './typeorm': 'the same as `nestjs-refresh-token`',
};

/** What an entry is for. */
const PURPOSES: Record<string, string> = {
  '.': 'The module, its options, guards, decorators, services, errors, events and alerts.',
  './binding': 'Bindings: their options, the signals of a device, and the evidence that a request brings.',
  './client': 'The client for browsers, Node.js and other platforms.',
  './client.min.js': 'The same client in one file, for `<script type="module">`.',
  './geoip': 'The places of addresses, from files in the MaxMind DB format.',
  './metrics': 'Metrics for Prometheus.',
  './openapi': 'The auth routes in the document of `@nestjs/swagger`.',
  './pglite': 'An embedded PostgreSQL for TypeORM.',
  './redis': 'Revocations and used proofs in Redis.',
  './risk': 'The risk rules, and the types for rules of your own.',
  './sockets': 'Sockets that close when their session ends.',
  './throttling': 'The limit of failed attempts.',
  './typeorm': 'The entities and migrations, and prepared statements.',
};

/** `docs/reference/entry-points.md`. */
export function entryPointsPage(): Promise<string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const entries = Object.entries(exports).filter(([entry]) => entry !== './package.json');
  return page(
    'Entry points',
    INTRODUCTION,
    entries.flatMap(([entry, target]) => section(entry, (target as { types: string }).types)),
  );
}

function section(entry: string, types: string): string[] {
  const names = entry === './client.min.js' ? [] : exported(sourceOf(types));
  return [
    `## \`${join('nestjs-refresh-token', entry)}\``,
    PURPOSES[entry],
    `It needs: ${NEEDS[entry]}.`,
    ...(names.length > 0 ? [names.join('\n')] : []),
  ];
}

const sourceOf = (types: string) => types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts');

/** One line for each name that a file exports. */
function exported(path: string): string[] {
  return sourceFile(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      const from = sourceAt(path, (statement.moduleSpecifier as ts.StringLiteral).text);
      return statement.exportClause.elements.map(({ name }) => line(from, name.text));
    }
    const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport);
    return isExported ? [line(path, (statement as ts.DeclarationStatement).name!.getText())] : [];
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
