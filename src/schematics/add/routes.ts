import ts from 'typescript';
import type { Constants } from '../edit/constants.js';
import type { Project } from '../edit/project.js';
import { callsOf, classesOf, decoratorOf, nameOf, propertyOf, valueOf } from '../edit/syntax.js';

/** Something of the application, and its file. */
export interface Found {
  readonly name: string;
  readonly path: string;
}

/** A controller, a handler or a module whose path could not be read. */
export interface UnreadPath extends Found {
  /** How its path begins, without slashes at the ends; '' if not even that is known. */
  readonly below: string;
}

export interface Routes {
  /** Routes by controller or module, as paths without slashes at the ends: `auth/login`. */
  readonly routes: Found[];
  readonly unread: UnreadPath[];
}

const METHODS = ['Get', 'Post', 'Put', 'Patch', 'Delete', 'All', 'Options', 'Head', 'Sse'];

/** Reads the routes of an application, without the global prefix. */
export function routesOf(project: Project, constants: Constants): Routes {
  const modules = new ModulePaths(project, constants);
  const { routes, unread } = modules;
  for (const path of project.sources(/@Controller/)) {
    for (const declared of classesOf(constants.sourceOf(path))) {
      const given = decoratorOf(declared, 'Controller');
      if (!given) continue;
      const name = nameOf(declared);
      const starts = modules.startsOf.get(declared) ?? [''];
      const own = pathsIn(given.at(0), constants);
      if (!own.isComplete) unread.push(...starts.map((below) => ({ name, path, below })));
      // The name of a controller is a hint: with `auth` taken for its path, ours take another one.
      const isAuth = !own.isComplete && name.startsWith('Auth');
      const prefixes = product(starts, isAuth ? [...own.read, 'auth'] : own.read);
      routes.push(...prefixes.map((prefix) => ({ name: prefix, path })));
      for (const [handler, argument] of handlersOf(declared)) {
        const ends = pathsIn(argument, constants);
        routes.push(...product(prefixes, ends.read).map((route) => ({ name: route, path })));
        if (ends.isComplete) continue;
        unread.push(...prefixes.map((below) => ({ name: `${name}.${handler}`, path, below })));
      }
    }
  }
  return { routes, unread };
}

/** The paths that `RouterModule.register` gives to modules. */
class ModulePaths implements Routes {
  readonly routes: Found[] = [];
  readonly unread: UnreadPath[] = [];
  /** How the paths of a controller begin. */
  readonly startsOf = new Map<ts.ClassDeclaration, string[]>();
  private readonly placed = new Set<ts.ClassDeclaration>();

  constructor(
    project: Project,
    private readonly constants: Constants,
  ) {
    for (const path of project.sources(/RouterModule/)) {
      for (const { arguments: given } of callsOf('RouterModule.register', constants.sourceOf(path))) {
        if (given?.[0]) this.readTree(given[0], '', path);
      }
    }
    // A controller may belong to several modules.
    for (const path of this.placed.size > 0 ? project.sources(/@Module/) : []) {
      for (const module of classesOf(constants.sourceOf(path))) if (!this.placed.has(module)) this.begin(module, '');
    }
  }

  private readTree(tree: ts.Expression, below: string, path: string): void {
    const branches = this.constants.elementsOf(tree);
    if (!branches) this.unread.push({ name: 'RouterModule.register', path, below });
    for (const branch of branches ?? []) {
      const value = this.constants.meaningOf(branch);
      if (value && ts.isClassDeclaration(value)) this.begin(value, below);
      else if (value && ts.isObjectLiteralExpression(value)) this.readBranch(value, below, path);
      else this.unread.push({ name: branch.getText(), path, below });
    }
  }

  private readBranch(branch: ts.ObjectLiteralExpression, parent: string, path: string): void {
    const [module, children] = ['module', 'children'].map((name) => propertyOf(branch, name)).map(optionalValueOf);
    const own = pathsIn(branch, this.constants);
    if (!own.isComplete) {
      this.unread.push({ name: module?.getText() ?? 'RouterModule.register', path, below: parent });
    }
    const declared = module && this.constants.meaningOf(module);
    for (const start of product([parent], own.read)) {
      // Also if the controllers of the module cannot be read.
      this.routes.push({ name: start, path });
      if (declared && ts.isClassDeclaration(declared)) this.begin(declared, start);
      if (children) this.readTree(children, start, path);
    }
  }

  /** Lets the controllers of a module begin with a path. */
  private begin(module: ts.ClassDeclaration, start: string): void {
    this.placed.add(module);
    const metadata = decoratorOf(module, 'Module')?.at(0);
    const options = metadata && this.constants.meaningOf(metadata);
    if (!options || !ts.isObjectLiteralExpression(options)) return;
    const list = optionalValueOf(propertyOf(options, 'controllers'));
    for (const element of (list && this.constants.elementsOf(list)) ?? []) {
      const controller = this.constants.meaningOf(element);
      if (!controller || !ts.isClassDeclaration(controller)) continue;
      this.startsOf.set(controller, [...(this.startsOf.get(controller) ?? []), start]);
    }
  }
}

/** The name of each handler, and what its decorator gets. */
function handlersOf(declared: ts.ClassDeclaration): [string, ts.Expression | undefined][] {
  return declared.members.filter(ts.isMethodDeclaration).flatMap((member) =>
    METHODS.map((method) => decoratorOf(member, method))
      .filter((given) => given !== undefined)
      .map((given): [string, ts.Expression | undefined] => [member.name.getText(), given.at(0)]),
  );
}

function pathsIn(given: ts.Expression | undefined, constants: Constants) {
  const { read, isComplete } = constants.textsIn(given, 'path');
  return { read: read.length === 0 && isComplete ? [''] : read, isComplete };
}

const optionalValueOf = (property: Parameters<typeof valueOf>[0] | undefined) => property && valueOf(property);

const product = (starts: readonly string[], ends: readonly string[]) =>
  starts.flatMap((start) => ends.map((end) => trimmed(`${start}/${trimmed(end)}`)));

/** Without slashes at the ends. */
export const trimmed = (path: string) => path.replace(/^\/+|\/+$/g, '');
