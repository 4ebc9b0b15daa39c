import ts from 'typescript';
import { callsOf, decoratedBy, importsFrom, isNamed, isTaken, objectGivenTo, propertyOf } from './syntax.js';

/** The line width of the Nest scaffold. */
const WIDTH = 80;

/** Edits a source file by adding to it. All other text stays unchanged. */
export class SourceEdit {
  constructor(private text: string) {
    if (typeof ts.createSourceFile !== 'function') {
      throw new Error(
        'The installed TypeScript has no compiler API. Install TypeScript 5 or 6: npm install -D typescript@6',
      );
    }
  }

  toString(): string {
    return this.text;
  }

  /**
   * The local name of an import in this file, existing or future. It is the alternative if the name is already taken.
   */
  nameOf(name: string, from: string, alternative: string): string {
    const elements = importsFrom(from, this.source).flatMap((bindings) => [...bindings.elements]);
    const imported = elements.find((element) => (element.propertyName ?? element.name).text === name);
    if (imported) return imported.name.text;
    return isTaken(name, this.source) ? alternative : name;
  }

  /**
   * Imports the names that are not yet imported.
   *
   * @param names `AuthModule`; `AuthModule as RefreshTokenModule`
   */
  import(names: string[], from: string): this {
    for (const name of names) this.importAsValue(name, from);
    const present = importsFrom(from, this.source).flatMap(({ elements }) => elements.map(nameIn));
    const missing = names.filter((name) => !present.includes(name));
    if (missing.length === 0) return this;
    const last = this.source.statements.filter(ts.isImportDeclaration).at(-1);
    const line = `import { ${missing.join(', ')} } from '${from}';`;
    return last ? this.replace(last.getEnd(), last.getEnd(), `\n${line}`) : this.replace(0, 0, `${line}\n`);
  }

  /**
   * Adds an element to a list property of the object passed to a call, or returned by its `useFactory`. Among several
   * calls, it takes the first whose object has no `name`. Among several modules, it takes `AppModule`.
   *
   * @param callee `Module`, `DataSource`, `TypeOrmModule.forRoot`, `TypeOrmModule.forRootAsync`
   * @param element skipped if the list already has it
   * @returns `false` if no such call has an object literal
   */
  addToList(callee: string, property: string, element: string): boolean {
    const call = this.unnamedCalls(callee).find((each) => objectGivenTo(each, callee));
    const object = call && objectGivenTo(call, callee);
    if (!object) return false;
    const present = propertyOf(object, property);
    if (!present) {
      // An object that is spread in may contain this list.
      if (object.properties.some(ts.isSpreadAssignment)) return false;
      const separator = object.properties.length > 0 ? '' : '\n';
      const start = object.properties[0]?.getStart(this.source) ?? object.getStart(this.source) + 1;
      this.replace(start, start, `${separator}${property}: [${element}],\n  `);
      return true;
    }
    if (ts.isShorthandPropertyAssignment(present)) {
      this.replace(present.getStart(this.source), present.getEnd(), `${property}: [...${property}, ${element}]`);
      return true;
    }
    this.addToExpression(present.initializer, element);
    return true;
  }

  /** Whether the file calls or constructs this. Calls whose options have a `name` do not count. */
  calls(callee: string): boolean {
    return this.unnamedCalls(callee).length > 0;
  }

  private get source(): ts.SourceFile {
    return ts.createSourceFile('module.ts', this.text, ts.ScriptTarget.Latest, true);
  }

  private unnamedCalls(callee: string) {
    const calls = callsOf(callee, this.source).filter((call) => !isNamed(call));
    return callee === 'Module' && calls.length > 1 ? calls.filter((call) => decoratedBy(call) === 'AppModule') : calls;
  }

  private addToExpression(list: ts.Expression, element: string): void {
    const [start, end] = [list.getStart(), list.getEnd()];
    const text = list.getText();
    if (!ts.isArrayLiteralExpression(list)) {
      // A list that is not a literal is spread into a new list.
      if (!text.includes(head(element))) this.replace(start, end, `[...${text}, ${element}]`);
      return;
    }
    if (list.elements.some((present) => head(present.getText()) === head(element))) return;
    const last = list.elements.at(-1)?.getEnd();
    const separator = last === undefined ? '' : ', ';
    const line = lineAround(this.text, start, end);
    const indent = /^\s*/.exec(line)![0];
    if (text.includes('\n') && last !== undefined) {
      this.replace(last, last, `,\n${indent}  ${element}`);
    } else if (element.includes('\n') || line.length + separator.length + element.length > WIDTH) {
      const all = [...list.elements.map((present) => present.getFullText().trim()), element];
      this.replace(start, end, `[\n${indent}  ${all.join(`,\n${indent}  `)},\n${indent}]`);
    } else {
      this.replace(last ?? start + 1, last ?? start + 1, `${separator}${element}`);
    }
  }

  /** A type-only import cannot be injected, and cannot be imported twice. So it becomes a value import. */
  private importAsValue(name: string, from: string): void {
    for (const { parent: clause, elements } of importsFrom(from, this.source)) {
      const found = elements.find((element) => nameIn(element) === name);
      if (!found) continue;
      if (clause.isTypeOnly) {
        const written = elements.map((each) => (each === found ? name : `type ${nameIn(each)}`));
        this.replace(clause.getStart(), clause.getEnd(), `{ ${written.join(', ')} }`);
      } else if (found.isTypeOnly) {
        this.replace(found.getStart(), found.getEnd(), name);
      }
      return;
    }
  }

  private replace(start: number, end: number, text: string): this {
    this.text = this.text.slice(0, start) + text + this.text.slice(end);
    return this;
  }
}

/** The text from the start of the first line to the end of the last. */
function lineAround(text: string, start: number, end: number): string {
  return text.slice(text.lastIndexOf('\n', start - 1) + 1, `${text}\n`.indexOf('\n', end));
}

/** The text between the braces of the import, without `type`. */
function nameIn({ name, propertyName }: ts.ImportSpecifier): string {
  return propertyName && propertyName.text !== name.text ? `${propertyName.text} as ${name.text}` : name.text;
}

/** The identity of an element: `AuthModule.forRoot` for a call, the whole text for an identifier or object. */
function head(element: string): string {
  const call = /^[\w.]+(?=\()/.exec(element)?.[0];
  // `forRoot` and `forRootAsync` register the same module.
  return call === undefined ? element.replace(/\s+/g, ' ') : call.replace(/\.forRootAsync$/, '.forRoot');
}
