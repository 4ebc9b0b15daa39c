import ts from 'typescript';
import { filesOf } from './constants.js';
import { callsOf, classesOf, importedFrom, parsed } from './syntax.js';

export interface RootModule {
  readonly path: string;
  readonly className: string;
}

interface Files {
  exists(path: string): boolean;
  read(path: string): string;
  sources(text: RegExp): string[];
}

/** Finds the module that the application starts, whatever its name and file. */
export function findRootModule(files: Files, sourceRoot: string, entryFile: string): RootModule | undefined {
  const main = `${sourceRoot}/${entryFile}.ts`;
  const started = files.exists(main) ? startedIn(main, files) : undefined;
  if (started) return started;
  const path = `${sourceRoot}/app.module.ts`;
  return files.exists(path) ? { path, className: 'AppModule' } : undefined;
}

function startedIn(main: string, files: Files): RootModule | undefined {
  const source = parsed(files.read(main));
  const call = ['create', 'createMicroservice', 'createApplicationContext']
    .flatMap((method) => callsOf(`NestFactory.${method}`, source))
    .at(0);
  const name = call?.arguments?.[0] && leftmost(call.arguments[0]);
  if (!name) return undefined;
  const imported = importedFrom(name, source);
  const className = imported?.name ?? name;
  const declares = (path: string) => classesOf(parsed(files.read(path))).some((each) => each.name?.text === className);
  const near = imported ? filesOf(imported.from, main).find((path) => files.exists(path) && declares(path)) : main;
  // The import may go through a path of tsconfig.json, or through an index file.
  const path = near && declares(near) ? near : files.sources(new RegExp(`class ${className}\\b`)).find(declares);
  return path === undefined ? undefined : { path, className };
}

/** `AppModule` in `AppModule.register()`. */
function leftmost(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  const isOuter = ts.isCallExpression(expression) || ts.isPropertyAccessExpression(expression);
  return isOuter ? leftmost(expression.expression) : undefined;
}
