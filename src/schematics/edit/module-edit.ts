import type { Project } from './project.js';
import { SourceEdit } from './source-edit.js';

/** The module of the application, as it is being added to. */
export class ModuleEdit {
  readonly source: SourceEdit;
  private readonly left = { imports: [] as string[], providers: [] as string[] };

  constructor(private readonly project: Project) {
    this.source = new SourceEdit(project.tree.readText(project.modulePath));
  }

  addToList(property: 'imports' | 'providers', element: string): void {
    if (!this.source.addToList('Module', property, element)) this.left[property].push(element);
  }

  /** @returns what is left to be written by hand */
  save(): string[] {
    const path = this.project.modulePath;
    this.project.edit(path, this.source.toString());
    const lists = Object.entries(this.left).filter(([, elements]) => elements.length > 0);
    if (lists.length === 0) return [];
    const lines = lists.map(([property, elements]) => `  ${property}: [\n    ${elements.join(',\n    ')},\n  ]`);
    return [
      `${path}: its @Module is not written out in a way that can be added to. By hand, add\n${lines.join(',\n')}`,
    ];
  }
}
