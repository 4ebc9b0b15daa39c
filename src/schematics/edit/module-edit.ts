import type { Project } from './project.js';
import { SourceEdit } from './source-edit.js';

/** Edits the root module of the application. */
export class ModuleEdit {
  readonly source: SourceEdit;
  private readonly left = { imports: [] as string[], providers: [] as string[] };

  constructor(private readonly project: Project) {
    this.source = new SourceEdit(project.tree.readText(project.modulePath));
  }

  addToList(property: 'imports' | 'providers', element: string): void {
    if (!this.source.addToList('Module', property, element)) this.left[property].push(element);
  }

  /** @returns messages about what remains to be done by hand */
  save(): string[] {
    const path = this.project.modulePath;
    this.project.edit(path, this.source.toString());
    const lists = Object.entries(this.left).filter(([, elements]) => elements.length > 0);
    if (lists.length === 0) return [];
    const lines = lists.map(([property, elements]) => `  ${property}: [\n    ${elements.join(',\n    ')},\n  ]`);
    return [`${path}: its @Module cannot be edited automatically. By hand, add\n${lines.join(',\n')}`];
  }
}
