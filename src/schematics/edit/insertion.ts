import ts from 'typescript';
import { indentAt, inStyle, linesAround, styleOf } from './text-style.js';

export type Literal = ts.ArrayLiteralExpression | ts.ObjectLiteralExpression;

/** The line width of the Nest scaffold. */
export const WIDTH = 80;

const nodesOf = (literal: Literal): ts.NodeArray<ts.Node> =>
  ts.isArrayLiteralExpression(literal) ? literal.elements : literal.properties;

/**
 * Adds an element at the end of a list or object. Comments stay with what they follow. If the line becomes too long,
 * each element gets a line of its own. So do those of the lists and objects around it, as Prettier does.
 *
 * @param literalIn finds the list or object in the text; the text may have been laid out anew since the last call
 */
export function insertLast(text: string, literalIn: (text: string) => Literal, element: string): string {
  for (let current = text; ;) {
    const literal = literalIn(current);
    const { text: next, line } = withLast(current, literal, element);
    const closed = element.includes('\n') || line.length > WIDTH || hasOnlyObjects(literal, element);
    const outermost = closed && outermostClosed(literal);
    if (!outermost) return next;
    current = expanded(current, outermost);
  }
}

/** Prettier gives each object of a list a line of its own, if there are several and nothing else. */
function hasOnlyObjects(literal: Literal, element: string): boolean {
  const texts = [...nodesOf(literal).map((node) => node.getText()), element];
  return ts.isArrayLiteralExpression(literal) && texts.length > 1 && texts.every((each) => each.startsWith('{'));
}

function withLast(text: string, literal: Literal, element: string): { text: string; line: string } {
  const nodes = nodesOf(literal);
  const style = styleOf(text);
  const isOpen = isExpanded(text, literal);
  const base = indentAt(text, literal.getStart());
  const last = nodes.at(-1);
  const comma = isJson(literal) ? '' : ',';
  if (!last) {
    const inner = text.slice(literal.getStart() + 1, literal.getEnd() - 1).trimEnd();
    const at = literal.getStart() + 1 + inner.length;
    const written = inStyle(element, style, `${base}${style.indent}`);
    const space = ts.isArrayLiteralExpression(literal) && inner === '' ? '' : ' ';
    const inserted = isOpen
      ? `${style.eol}${base}${style.indent}${written}${comma}${style.eol}${base}`
      : `${space}${written}${ts.isArrayLiteralExpression(literal) ? '' : ' '}`;
    return replaced(text, at, literal.getEnd() - 1, inserted);
  }
  const { hasTrailingComma = false, end } = nodes;
  const indent = indentAt(text, last.getStart());
  const margin = isOpen ? indent : base;
  const after = hasTrailingComma ? end : last.getEnd();
  const tail = ts.getTrailingCommentRanges(text, after)?.at(-1)?.end ?? after;
  const inserted = `${isOpen ? `${style.eol}${margin}` : ' '}${inStyle(element, style, margin)}`;
  const between = text.slice(after, tail);
  return hasTrailingComma
    ? replaced(text, after, tail, `${between}${inserted}${isOpen ? ',' : ''}`)
    : replaced(text, after, tail, `,${between}${inserted}`);
}

function replaced(text: string, start: number, end: number, by: string) {
  const next = text.slice(0, start) + by + text.slice(end);
  return { text: next, line: linesAround(next, start, start + by.length) };
}

const isJson = (node: ts.Node) => node.getSourceFile().fileName.endsWith('.json');

/** Whether the first element is on a line below the bracket. */
function isExpanded(text: string, literal: Literal): boolean {
  const first = nodesOf(literal).at(0)?.getStart() ?? literal.getEnd() - 1;
  return text.slice(literal.getStart(), first).includes('\n');
}

function outermostClosed(literal: Literal): Literal | undefined {
  const text = literal.getSourceFile().text;
  let found: Literal | undefined;
  for (let node: ts.Node = literal; node.parent; node = node.parent) {
    if (!ts.isArrayLiteralExpression(node) && !ts.isObjectLiteralExpression(node)) continue;
    if (!isExpanded(text, node)) found = node;
  }
  return found;
}

function expanded(text: string, literal: Literal): string {
  const { eol, indent } = styleOf(text);
  const margin = `${indentAt(text, literal.getStart())}${indent}`;
  const nodes = nodesOf(literal);
  const inner = literal.getEnd() - 1;
  const starts = nodes.map(({ pos }, index) => (index === 0 ? pos : lineCommentEnd(text, pos)));
  const parts = nodes.map((node, index) => {
    const isLast = index === nodes.length - 1;
    const end = isLast ? inner : starts[index + 1];
    const comma = isLast ? (nodes.hasTrailingComma ? nodes.end - 1 : end) : nodes[index + 1].pos - 1;
    // What stands around a comma are comments.
    const rest = text.slice(node.getEnd(), comma) + text.slice(comma + 1, end);
    const written = `${text.slice(starts[index], node.getEnd())}${isLast && isJson(literal) ? '' : ','}${rest}`;
    return `${margin}${written.trim().replace(/\n(?=.)/g, `\n${indent}`)}${eol}`;
  });
  const unwritten = nodes.length === 0 ? text.slice(literal.getStart() + 1, inner).trim() : '';
  const body = unwritten === '' ? parts.join('') : `${margin}${unwritten}${eol}`;
  const end = indentAt(text, literal.getStart());
  return `${text.slice(0, literal.getStart() + 1)}${eol}${body}${end}${text.slice(inner)}`;
}

/** The end of a `//` comment on the line of this position, which belongs to what is before it. */
function lineCommentEnd(text: string, position: number): number {
  const comment = ts.getTrailingCommentRanges(text, position)?.at(-1);
  return comment?.kind === ts.SyntaxKind.SingleLineCommentTrivia ? comment.end : position;
}
