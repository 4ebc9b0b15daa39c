import ts from 'typescript';
import { insertLast, type Literal, WIDTH } from './insertion.js';
import { callsOf, decoratedBy, importsFrom, isNamed, isTaken, objectGivenTo, parsed, propertyOf } from './syntax.js';
import { styleOf } from './text-style.js';

/** Edits a source file by adding to it. All other text stays unchanged. */
export class SourceEdit {
  /** @param moduleClass the class whose `@Module` is edited, if the file has several */
  constructor(
    private text: string,
    private readonly moduleClass = 'AppModule',
  ) {}

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
    const { eol, indent, quote, semicolon } = styleOf(this.text);
    const end = ` from ${quote}${from}${quote}${semicolon}`;
    const short = `import { ${missing.join(', ')} }${end}`;
    const isShort = short.length <= WIDTH;
    const line = isShort ? short : `import {${eol}${missing.map((each) => `${indent}${each},${eol}`).join('')}}${end}`;
    const last = this.source.statements.filter(ts.isImportDeclaration).at(-1);
    if (last) {
      const at = ts.getTrailingCommentRanges(this.text, last.getEnd())?.at(-1)?.end ?? last.getEnd();
      return this.replace(at, at, `${eol}${line}`);
    }
    const top = /^\uFEFF?(?:#!.*\r?\n)?/.exec(this.text)![0].length;
    return this.replace(top, top, `${line}${eol}`);
  }

  /**
   * Adds an element to a list property of the object passed to a call, or returned by its `useFactory`. Among several
   * calls, it takes the first whose object has no `name`. Among several modules, it takes that of the application.
   *
   * @param callee `Module`, `DataSource`, `TypeOrmModule.forRoot`, `TypeOrmModule.forRootAsync`
   * @param element skipped if the list already has it
   * @returns `false` if no such call has an object literal
   */
  addToList(callee: string, property: string, element: string): boolean {
    const object = this.objectOf(callee);
    if (!object) return false;
    const present = propertyOf(object, property);
    if (!present) {
      // An object that is spread in may contain this list.
      if (object.properties.some(ts.isSpreadAssignment)) return false;
      this.insert((edit) => edit.objectOf(callee)!, `${property}: []`);
      return this.addToList(callee, property, element);
    }
    if (ts.isShorthandPropertyAssignment(present)) {
      this.replace(present.getStart(this.source), present.getEnd(), `${property}: [...${property}]`);
      return this.addToList(callee, property, element);
    }
    const { initializer } = present;
    if (!ts.isArrayLiteralExpression(initializer)) {
      // A list that is not a literal is spread into a new list.
      const text = initializer.getText();
      if (text.includes(head(element))) return true;
      this.replace(initializer.getStart(), initializer.getEnd(), `[...${text}]`);
      return this.addToList(callee, property, element);
    }
    if (initializer.elements.some((each) => head(each.getText()) === head(element))) return true;
    this.insert((edit) => edit.listOf(callee, property)!, element);
    return true;
  }

  /** Whether the file calls or constructs this. Calls whose options have a `name` do not count. */
  calls(callee: string): boolean {
    return this.unnamedCalls(callee).length > 0;
  }

  private get source(): ts.SourceFile {
    return parsed(this.text);
  }

  private insert(literalOf: (edit: SourceEdit) => Literal, element: string): void {
    this.text = insertLast(this.text, (text) => literalOf(new SourceEdit(text, this.moduleClass)), element);
  }

  private objectOf(callee: string): ts.ObjectLiteralExpression | undefined {
    const call = this.unnamedCalls(callee).find((each) => objectGivenTo(each, callee));
    return call && objectGivenTo(call, callee);
  }

  private listOf(callee: string, property: string): ts.ArrayLiteralExpression | undefined {
    const list = propertyOf(this.objectOf(callee)!, property);
    return list && ts.isPropertyAssignment(list) && ts.isArrayLiteralExpression(list.initializer)
      ? list.initializer
      : undefined;
  }

  private unnamedCalls(callee: string) {
    const calls = callsOf(callee, this.source).filter((call) => !isNamed(call));
    const isOfModule = callee === 'Module' && calls.length > 1;
    return isOfModule ? calls.filter((call) => decoratedBy(call) === this.moduleClass) : calls;
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
