import { posix } from 'node:path';
import ts from 'typescript';
import { classesOf, importedName, parsed, propertyOf, valueOf, withoutType } from './syntax.js';

interface Files {
  exists(path: string): boolean;
  read(path: string): string;
}

/** What an expression stands for. */
type Meaning = ts.Expression | ts.ClassDeclaration | ts.EnumDeclaration | ts.SourceFile;

/** The texts that could be read. */
export interface Texts {
  readonly read: readonly string[];
  /** Whether these are all. */
  readonly isComplete: boolean;
}

/**
 * Reads constants from the sources of an application without running them: `PATH`, `Paths.AUTH`, `${BASE}/login`. It
 * follows imports between these sources. What it cannot be sure of is `undefined`.
 */
export class Constants {
  private readonly sources = new Map<string, ts.SourceFile>();
  /** What is being looked up. Constants of two files may refer to each other in a circle. */
  private readonly open = new Set<unknown>();

  constructor(private readonly files: Files) {}

  /** A file, which is parsed once. So a class that is found in two ways is the same. */
  sourceOf(path: string): ts.SourceFile {
    const source = this.sources.get(path) ?? parsed(this.files.read(path), path);
    this.sources.set(path, source);
    return source;
  }

  /** A literal for a constant; the declaration for a class or an enum. */
  meaningOf(expression: ts.Expression): Meaning | undefined {
    return this.once(expression, () => {
      const bare = withoutType(expression);
      if (ts.isIdentifier(bare)) return this.named(bare.text, bare.getSourceFile());
      if (ts.isPropertyAccessExpression(bare)) return this.member(bare.expression, bare.name.text);
      if (ts.isElementAccessExpression(bare)) {
        const name = this.textOf(bare.argumentExpression);
        return name === undefined ? undefined : this.member(bare.expression, name);
      }
      const [given] = ts.isCallExpression(bare) && bare.expression.getText() === 'Object.freeze' ? bare.arguments : [];
      return given ? this.meaningOf(given) : bare;
    });
  }

  textOf(expression: ts.Expression): string | undefined {
    const value = this.meaningOf(expression);
    return this.once(value, () => {
      if (!value) return undefined;
      if (ts.isStringLiteralLike(value)) return value.text;
      if (ts.isTemplateExpression(value)) {
        const parts = value.templateSpans.flatMap(({ expression: part, literal }) => [this.textOf(part), literal.text]);
        return joined([value.head.text, ...parts]);
      }
      if (ts.isBinaryExpression(value) && value.operatorToken.kind === ts.SyntaxKind.PlusToken) {
        return joined([this.textOf(value.left), this.textOf(value.right)]);
      }
      return undefined;
    });
  }

  /** The elements of a list, with those of the lists that it spreads. */
  elementsOf(expression: ts.Expression): ts.Expression[] | undefined {
    const value = this.meaningOf(expression);
    return this.once(value, () => {
      if (!value || !ts.isArrayLiteralExpression(value)) return undefined;
      const parts = value.elements.map((each) =>
        ts.isSpreadElement(each) ? this.elementsOf(each.expression) : [each],
      );
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    });
  }

  /**
   * The texts in the argument of a decorator: a text, a list of texts, or an object that has one of these under a key.
   * None if the argument or the key is missing.
   */
  textsIn(given: ts.Expression | undefined, key: string): Texts {
    if (!given) return { read: [], isComplete: true };
    const options = this.meaningOf(given);
    if (!options || !ts.isObjectLiteralExpression(options)) return this.textsOf(given);
    const { value, isCertain } = valueIn(options, key);
    const { read, isComplete } = value ? this.textsOf(value) : { read: [], isComplete: true };
    return { read, isComplete: isComplete && isCertain };
  }

  private textsOf(given: ts.Expression): Texts {
    const texts = (this.elementsOf(given) ?? [given]).map((each) => this.textOf(each));
    const read = texts.filter((text) => text !== undefined);
    return { read, isComplete: read.length === texts.length };
  }

  private member(object: ts.Expression, name: string): Meaning | undefined {
    const owner = this.meaningOf(object);
    if (!owner) return undefined;
    if (ts.isSourceFile(owner)) return this.exported(name, owner);
    const value = memberOf(owner, name);
    return value && this.meaningOf(value);
  }

  /** What a name at the top level of a file stands for. */
  private named(name: string, source: ts.SourceFile, statements = [...source.statements]): Meaning | undefined {
    for (const statement of statements) {
      if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
        if (statement.name?.text === name) return statement;
      } else if (ts.isVariableStatement(statement) && statement.declarationList.flags & ts.NodeFlags.Const) {
        const found = statement.declarationList.declarations.find((each) => each.name.getText() === name);
        if (found) return found.initializer && this.meaningOf(found.initializer);
      } else if (ts.isImportDeclaration(statement)) {
        const imported = importedName(name, statement);
        const from = imported && this.imported(statement.moduleSpecifier, source);
        if (from) return imported === '*' ? from : this.exported(imported, from);
      }
    }
    return undefined;
  }

  private exported(name: string, source: ts.SourceFile): Meaning | undefined {
    return this.once(`${source.fileName} ${name}`, () => {
      const statements = source.statements.filter(ts.isExportDeclaration);
      for (const { exportClause, moduleSpecifier } of statements) {
        const elements = exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : undefined;
        const found = elements?.find((element) => element.name.text === name);
        if (!found) continue;
        const local = (found.propertyName ?? found.name).text;
        const from = moduleSpecifier ? this.imported(moduleSpecifier, source) : undefined;
        return moduleSpecifier ? from && this.exported(local, from) : this.named(local, source);
      }
      const own =
        name === 'default' ? this.defaultOf(source) : this.named(name, source, source.statements.filter(isExported));
      if (own) return own;
      const all = statements.filter(({ exportClause }) => !exportClause).map(({ moduleSpecifier }) => moduleSpecifier!);
      for (const specifier of all) {
        const from = this.imported(specifier, source);
        const found = from && this.exported(name, from);
        if (found) return found;
      }
      return undefined;
    });
  }

  private defaultOf(source: ts.SourceFile): Meaning | undefined {
    const assigned = source.statements.find(ts.isExportAssignment)?.expression;
    const isDefault = ({ modifiers }: ts.ClassDeclaration) =>
      modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
    return assigned ? this.meaningOf(assigned) : classesOf(source).find(isDefault);
  }

  private imported(specifier: ts.Expression, { fileName }: ts.SourceFile): ts.SourceFile | undefined {
    const from = ts.isStringLiteral(specifier) ? specifier.text : '';
    const path = filesOf(from, fileName).find((each) => this.files.exists(each));
    return path === undefined ? undefined : this.sourceOf(path);
  }

  private once<T>(key: unknown, look: () => T | undefined): T | undefined {
    if (this.open.has(key)) return undefined;
    this.open.add(key);
    try {
      return look();
    } finally {
      this.open.delete(key);
    }
  }
}

/**
 * The files that an import may mean: `./paths`, `./paths.js`, or `src/paths`, which is relative to the application. Files
 * outside of the application are not read.
 */
export function filesOf(from: string, importer: string): string[] {
  const stem = from.startsWith('.') ? posix.join(posix.dirname(importer), from) : from;
  const paths = [`${stem.replace(/\.[jt]s$/, '')}.ts`, `${stem}/index.ts`];
  return paths.filter((path) => !/^(\.\.)?\//.test(path));
}

function memberOf(owner: Exclude<Meaning, ts.SourceFile>, name: string): ts.Expression | undefined {
  if (ts.isEnumDeclaration(owner)) return owner.members.find((member) => nameIn(member) === name)?.initializer;
  if (ts.isClassDeclaration(owner)) {
    const isStatic = ({ modifiers }: ts.PropertyDeclaration) =>
      modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
    const properties = owner.members.filter(ts.isPropertyDeclaration).filter(isStatic);
    return properties.find((member) => nameIn(member) === name)?.initializer;
  }
  if (!ts.isObjectLiteralExpression(owner)) return undefined;
  const { value, isCertain } = valueIn(owner, name);
  return isCertain ? value : undefined;
}

/** A property of an object. What is spread into the object may replace the properties before it. */
function valueIn(object: ts.ObjectLiteralExpression, name: string) {
  const property = propertyOf(object, name);
  const later = object.properties.slice(property ? object.properties.indexOf(property) + 1 : 0);
  return { value: property && valueOf(property), isCertain: !later.some(isOpaque) };
}

const isExported = (statement: ts.Statement) =>
  ts.canHaveModifiers(statement) && statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

const isOpaque = (part: ts.ObjectLiteralElementLike) =>
  ts.isSpreadAssignment(part) || ts.isComputedPropertyName(part.name);

const nameIn = ({ name }: ts.EnumMember | ts.PropertyDeclaration) => ('text' in name ? name.text : undefined);

function joined(parts: (string | undefined)[]): string | undefined {
  return parts.every((part) => part !== undefined) ? parts.join('') : undefined;
}
