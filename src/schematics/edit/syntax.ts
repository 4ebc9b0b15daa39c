import ts from 'typescript';

type Call = ts.CallExpression | ts.NewExpression;

/** The calls with this name, for example `TypeOrmModule.forRoot`, and constructions of a class with this name. */
export function callsOf(callee: string, source: ts.SourceFile): Call[] {
  const found: Call[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      if (node.expression.getText(source).replace(/\s+/g, '') === callee) found.push(node);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Whether the options of a data source have a name. The library does not use a named data source. */
export function isNamed(call: Call): boolean {
  const options = writtenOut(call.arguments?.[0]);
  if (!options) return false;
  const name = propertyOf(options, 'name');
  if (!name) return false;
  const isDefault =
    ts.isPropertyAssignment(name) &&
    ts.isStringLiteralLike(name.initializer) &&
    ['default', ''].includes(name.initializer.text);
  return !isDefault;
}

/** The object passed to a call. If the name of the call ends in `Async`, the object that its `useFactory` returns. */
export function objectGivenTo(call: Call, callee: string): ts.ObjectLiteralExpression | undefined {
  const given = writtenOut(call.arguments?.[0]);
  if (!given || !callee.endsWith('Async')) return given;
  const factory = propertyOf(given, 'useFactory');
  return factory && ts.isPropertyAssignment(factory) ? returnedBy(factory.initializer) : undefined;
}

/** The object literal that a function returns, if any. */
function returnedBy(factory: ts.Expression): ts.ObjectLiteralExpression | undefined {
  if (!(ts.isArrowFunction(factory) || ts.isFunctionExpression(factory))) return undefined;
  const { body } = factory;
  return writtenOut(ts.isBlock(body) ? body.statements.find(ts.isReturnStatement)?.expression : body);
}

/** The object literal of an expression, without type assertions, or the literal of a constant in the file. */
function writtenOut(expression: ts.Expression | undefined): ts.ObjectLiteralExpression | undefined {
  const bare = expression && withoutType(expression);
  const value = bare && ts.isIdentifier(bare) ? constant(bare) : bare;
  return value && ts.isObjectLiteralExpression(value) ? value : undefined;
}

/** An expression without its type assertions and brackets. */
export function withoutType(expression: ts.Expression): ts.Expression {
  const isWrapped =
    ts.isParenthesizedExpression(expression) ||
    ts.isAsExpression(expression) ||
    ts.isSatisfiesExpression(expression) ||
    ts.isTypeAssertionExpression(expression);
  return isWrapped ? withoutType(expression.expression) : expression;
}

/** The initializer of a constant at the top level of the file. */
function constant(identifier: ts.Identifier): ts.Expression | undefined {
  const value = identifier
    .getSourceFile()
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => [...declarationList.declarations])
    .find(({ name }) => ts.isIdentifier(name) && name.text === identifier.text)?.initializer;
  return value && withoutType(value);
}

/** The class that a call decorates. */
export function decoratedBy(call: Call): string | undefined {
  const { parent: decorator } = call;
  return ts.isDecorator(decorator) && ts.isClassDeclaration(decorator.parent) ? decorator.parent.name?.text : undefined;
}

/** `imports: […]`, or `imports` alone. */
export function propertyOf(
  object: ts.ObjectLiteralExpression,
  name: string,
): ts.PropertyAssignment | ts.ShorthandPropertyAssignment | undefined {
  return object.properties
    .filter((property) => ts.isPropertyAssignment(property) || ts.isShorthandPropertyAssignment(property))
    .find((property) => (ts.isComputedPropertyName(property.name) ? undefined : property.name.text) === name);
}

/** The value of a property. In `{ path }` it is the name itself. */
export function valueOf(property: ts.PropertyAssignment | ts.ShorthandPropertyAssignment): ts.Expression {
  return ts.isPropertyAssignment(property) ? property.initializer : property.name;
}

/** The named imports from a package. */
export function importsFrom(from: string, source: ts.SourceFile): ts.NamedImports[] {
  return source.statements
    .filter(ts.isImportDeclaration)
    .filter(({ moduleSpecifier }) => ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text === from)
    .flatMap(({ importClause }) => {
      const bindings = importClause?.namedBindings;
      return bindings && ts.isNamedImports(bindings) ? [bindings] : [];
    });
}

/** Whether a file imports or declares this name. */
export function isTaken(name: string, source: ts.SourceFile): boolean {
  return source.statements.some((statement) => {
    if (ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement)) return statement.name?.text === name;
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.some((declared) => declared.name.getText(source) === name);
    }
    return ts.isImportDeclaration(statement) && importedName(name, statement) !== undefined;
  });
}

/** The name that a file imports under a local one: `default` or `*` for all of it. */
export function importedName(local: string, { importClause }: ts.ImportDeclaration): string | undefined {
  if (importClause?.name?.text === local) return 'default';
  const bindings = importClause?.namedBindings;
  if (!bindings) return undefined;
  if (ts.isNamespaceImport(bindings)) return bindings.name.text === local ? '*' : undefined;
  const found = bindings.elements.find((element) => element.name.text === local);
  return found && (found.propertyName ?? found.name).text;
}

export function parsed(text: string, path = 'source.ts'): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** The classes at the top level of a file. */
export function classesOf(source: ts.SourceFile): ts.ClassDeclaration[] {
  return source.statements.filter(ts.isClassDeclaration);
}

/** The name of a class in messages. */
export const nameOf = ({ name }: ts.ClassDeclaration) => name?.text ?? 'a class';

/** Where a local name is imported from, and the name there. */
export function importedFrom(local: string, source: ts.SourceFile): { name: string; from: string } | undefined {
  for (const { importClause, moduleSpecifier } of source.statements.filter(ts.isImportDeclaration)) {
    const from = ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : '';
    if (importClause?.name?.text === local) return { name: local, from };
    const bindings = importClause?.namedBindings;
    const found =
      bindings && ts.isNamedImports(bindings)
        ? bindings.elements.find((element) => element.name.text === local)
        : undefined;
    if (found) return { name: (found.propertyName ?? found.name).text, from };
  }
  return undefined;
}

/** The arguments of a decorator; `undefined` if the class or method does not have it. */
export function decoratorOf(node: ts.HasDecorators, name: string): readonly ts.Expression[] | undefined {
  const call = ts
    .getDecorators(node)
    ?.map(({ expression }) => expression)
    .find((each): each is ts.CallExpression => ts.isCallExpression(each) && each.expression.getText() === name);
  return call?.arguments;
}
