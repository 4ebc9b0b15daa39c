import ts from 'typescript';
import { entries } from './entry-points.js';

/** The entry that exports each name. */
let entryOf: ReadonlyMap<string, string> | undefined;

/** An example with the imports of the names that it uses, so that it can be copied. */
export function withImports(example: string): string {
  entryOf ??= new Map(entries().flatMap(({ title, names }) => names.map(({ name }) => [name, title] as const)));
  const used = new Map<string, string[]>();
  for (const name of new Set(identifiers(example))) {
    const entry = entryOf.get(name);
    if (entry !== undefined) used.set(entry, [...(used.get(entry) ?? []), name]);
  }
  const imports = [...used].sort().map(([entry, names]) => `import { ${names.join(', ')} } from '${entry}';`);
  return [...imports, '', example].join('\n');
}

/** Those that may be imported: no properties, no keys. */
function identifiers(code: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) found.push(node.text);
    if (ts.isPropertyAccessExpression(node)) return visit(node.expression);
    if (ts.isPropertyAssignment(node)) return visit(node.initializer);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest, true));
  return found;
}
