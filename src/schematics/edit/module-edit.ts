import { posix } from 'node:path';
import type { Project } from './project.js';
import { SourceEdit } from './source-edit.js';

/** Edits the root module of the application. */
export class ModuleEdit {
  readonly source: SourceEdit;
  private readonly left = { imports: [] as string[], providers: [] as string[] };

  constructor(private readonly project: Project) {
    const { path, className } = project.rootModule;
    this.source = new SourceEdit(project.read(path), className);
  }

  addToList(property: 'imports' | 'providers', element: string): void {
    if (!this.source.addToList('Module', property, element)) this.left[property].push(element);
  }

  /** @param file below the folder of the sources, without extension: `cats/cats.module` */
  importFile(names: string[], file: string): void {
    const { extension, rootModule, sourceRoot } = this.project;
    this.source.import(names, `${relativePath(rootModule.path, `${sourceRoot}/${file}`)}${extension}`);
  }

  /** @returns messages about what remains to be done by hand */
  save(): string[] {
    const { path } = this.project.rootModule;
    this.project.write(path, this.source.toString());
    const lists = Object.entries(this.left).filter(([, elements]) => elements.length > 0);
    if (lists.length === 0) return [];
    const indented = (element: string) => element.replace(/\n/g, '\n    ');
    const lines = lists.map(([property, elements]) => {
      return `  ${property}: [\n    ${elements.map(indented).join(',\n    ')},\n  ]`;
    });
    return [`${path}: its @Module cannot be edited automatically. By hand, add\n${lines.join(',\n')}`];
  }
}

/** For an import of `to` in the file `from`. */
export function relativePath(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}
