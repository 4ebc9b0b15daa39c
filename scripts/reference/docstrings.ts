import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A declaration, and what its docstring says. */
export interface Documented {
  readonly name: string;
  /** Markdown. */
  readonly text: string;
  /** The texts of its block tags, for example of `@example`. */
  readonly tags: readonly { readonly tag: string; readonly text: string }[];
  /** The type as it is written; `undefined` if it is inferred. */
  readonly type: string | undefined;
}

const files = new Map<string, ts.SourceFile>();

/** @param path relative to the repository */
export function sourceFile(path: string): ts.SourceFile {
  const known = files.get(path);
  if (known) return known;
  const file = ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);
  files.set(path, file);
  return file;
}

/**
 * The declaration with this name at the top level of a file.
 *
 * @throws Error if the file has none
 */
export function declaration(path: string, name: string): ts.Node {
  const found = sourceFile(path)
    .statements.flatMap((one): readonly ts.Node[] =>
      ts.isVariableStatement(one) ? one.declarationList.declarations : [one],
    )
    .find((one) => (one as ts.DeclarationStatement).name?.getText() === name);
  if (!found) throw new Error(`${path} declares no ${name}.`);
  return found;
}

/** The properties of a class, interface or object literal, in their order. */
export function members(path: string, name: string): Documented[] {
  return membersOf(declaration(path, name)).map(documented);
}

function membersOf(node: ts.Node): ts.Node[] {
  if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
    return node.members.filter((member) => ts.isPropertyDeclaration(member) || ts.isPropertySignature(member));
  }
  if (ts.isVariableDeclaration(node) && node.initializer) return membersOf(node.initializer);
  if (ts.isSatisfiesExpression(node) || ts.isAsExpression(node)) return membersOf(node.expression);
  if (ts.isObjectLiteralExpression(node)) return [...node.properties];
  throw new Error(`${node.getText().slice(0, 40)} has no members.`);
}

/** The members of a union of string literals. */
export function literals(path: string, name: string): Documented[] {
  const { type } = declaration(path, name) as ts.TypeAliasDeclaration;
  return (type as ts.UnionTypeNode).types
    .filter((one) => ts.isLiteralTypeNode(one))
    .map((one) => ({ ...documented(one), name: (one.literal as ts.StringLiteral).text }));
}

/** @param node a declaration, or a member of a union */
export function documented(node: ts.Node): Documented {
  const { text, tags } = docstring(node);
  const { name, type } = node as Partial<ts.PropertyDeclaration>;
  return { name: name?.getText() ?? '', text, tags, type: type?.getText() };
}

/** The last docstring before the node. The compiler attaches none to the members of a union, so it is parsed here. */
function docstring(node: ts.Node): Pick<Documented, 'text' | 'tags'> {
  const { text: source } = node.getSourceFile();
  const comments = ts.getLeadingCommentRanges(source, startOf(node, source)) ?? [];
  const written = comments.map(({ pos, end }) => source.slice(pos, end)).filter((one) => one.startsWith('/**'));
  const lines = (written.at(-1) ?? '')
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd());
  const [text, ...blocks] = lines.join('\n').split(/^\s*@/m);
  const tags = blocks.map((block) => {
    const [, tag, rest] = /^(\w+)\s?([\s\S]*)$/.exec(block)!;
    return { tag, text: rest.trim() };
  });
  return { text: linked(text.trim()), tags };
}

/** Where the comments before a node begin. The `|` before a member of a union comes after them. */
function startOf(node: ts.Node, source: string): number {
  if (ts.isVariableDeclaration(node)) return node.parent.parent.getFullStart();
  if (!ts.isUnionTypeNode(node.parent)) return node.getFullStart();
  const { types } = node.parent;
  const before = types[types.indexOf(node as ts.TypeNode) - 1];
  return before?.end ?? source.lastIndexOf('=', node.pos) + 1;
}

const linked = (text: string) => text.replace(/\{@link (\S+?)\}/g, '`$1`');

/** The first sentence of a text. */
export function firstSentence(text: string): string {
  const [paragraph] = text.split('\n\n');
  return /^[\s\S]*?[.!?](?=\s|$)/.exec(paragraph)?.[0] ?? paragraph;
}
