import ts from 'typescript';
import { insertLast, type Literal } from './insertion.js';
import { propertyOf } from './syntax.js';
import { styleOf } from './text-style.js';

/** Edits a JSON file by adding to it. Comments, indentation, line ends and all other text stay unchanged. */
export class JsonEdit {
  /** @param path npm writes each element of a list in package.json on a line of its own */
  constructor(
    private text: string,
    private readonly path: string,
  ) {}

  toString(): string {
    return this.text;
  }

  /** The value, with comments and trailing commas allowed. */
  get value(): unknown {
    return (ts.parseConfigFileTextToJson('file.json', this.text).config as unknown) ?? {};
  }

  /** Adds a property, unless it exists. Objects on the way to it are created. */
  add(path: string[], value: unknown): this {
    return this.addAt([], path, value);
  }

  /** Adds a property before the first one with a greater name, unless it exists. */
  addSorted(parent: string, name: string, value: unknown): this {
    const object = objectAt(this.text, [parent]);
    const next = object?.properties.find((property) => nameOf(property) > name);
    if (!object || !next || propertyOf(object, name)) return this.add([parent, name], value);
    const start = next.getStart();
    const line = this.text.slice(this.text.lastIndexOf('\n', start - 1) + 1, start);
    const separator = line.trim() === '' ? `${styleOf(this.text).eol}${line}` : ' ';
    const written = `${JSON.stringify(name)}: ${JSON.stringify(value)},${separator}`;
    this.text = this.text.slice(0, start) + written + this.text.slice(start);
    return this;
  }

  private addAt(parents: string[], [name, ...rest]: string[], value: unknown): this {
    const object = objectAt(this.text, parents);
    if (!object) return this;
    if (propertyOf(object, name)) {
      return rest.length > 0 ? this.addAt([...parents, name], rest, value) : this;
    }
    const written = rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
    const literal = (text: string) => objectAt(text, parents) as Literal;
    this.text = insertLast(this.text, literal, `${JSON.stringify(name)}: ${laidOut(written, this.path)}`);
    return this;
  }
}

function laidOut(value: unknown, path: string): string {
  if (Array.isArray(value) && path !== 'package.json')
    return `[${value.map((each) => JSON.stringify(each)).join(', ')}]`;
  return JSON.stringify(value, null, 2);
}

const nameOf = ({ name }: ts.ObjectLiteralElementLike) => (name && ts.isStringLiteralLike(name) ? name.text : '');

function objectAt(text: string, path: string[]): ts.ObjectLiteralExpression | undefined {
  const source = ts.createSourceFile('file.json', text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JSON);
  const [statement] = source.statements;
  if (!statement || !ts.isExpressionStatement(statement)) return undefined;
  let value: ts.Expression = statement.expression;
  for (const name of path) {
    const property = ts.isObjectLiteralExpression(value) ? propertyOf(value, name) : undefined;
    if (!property || !ts.isPropertyAssignment(property)) return undefined;
    value = property.initializer;
  }
  return ts.isObjectLiteralExpression(value) ? value : undefined;
}
