import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { ModuleEdit } from '../edit/module-edit.js';
import { Project } from '../edit/project.js';
import { controller, moduleOf, type Resource, spec } from './resource-templates.js';

interface GuardedResourceOptions {
  name: string;
  sourceRoot?: string;
  project?: string;
  path?: string;
  role?: string;
  spec?: boolean;
  specFileSuffix?: string;
  skipImport?: boolean;
}

/** `nest g -c nestjs-refresh-token guarded-resource cats` */
export function guardedResource(options: GuardedResourceOptions): Rule {
  const { role = 'admin' } = options;
  return async (tree: Tree, context: SchematicContext) => {
    const project = new Project(tree, options);
    const { sourceRoot } = project;
    const resource = resourceOf(options.name, role, project.extension);
    const { file } = resource;
    const folder = [options.path, file].filter((part) => part).join('/');
    const suffix = /^[\w-]+$/.test(options.specFileSuffix ?? '') ? options.specFileSuffix! : 'spec';
    project.createOnce(`${sourceRoot}/${folder}/${file}.controller.ts`, controller(resource));
    project.createOnce(`${sourceRoot}/${folder}/${file}.module.ts`, moduleOf(resource));
    if (options.spec ?? true) {
      project.createOnce(`${sourceRoot}/${folder}/${file}.controller.${suffix}.ts`, spec(resource));
    }
    if (!options.skipImport) for (const line of importInto(project, resource, folder)) context.logger.warn(line);
    await project.format();
  };
}

/** @returns messages about what remains to be done by hand */
function importInto(project: Project, { className, file }: Resource, folder: string): string[] {
  const module = new ModuleEdit(project);
  module.addToList('imports', `${className}Module`);
  module.importFile([`${className}Module`], `${folder}/${file}.module`);
  return module.save();
}

function resourceOf(name: string, role: string, extension: string): Resource {
  const words = name.match(/[A-Z]?[a-z\d]+|[A-Z]+(?![a-z])/g);
  if (!words) throw new Error(`The name '${name}' has no letters. Use a name like cats or user-profiles.`);
  if (!/^[^\p{Cc}'\\]+$/u.test(role)) throw new Error('The role must be plain text, for example admin.');
  return {
    file: words.map((word) => word.toLowerCase()).join('-'),
    className: words.map((word) => word[0].toUpperCase() + word.slice(1).toLowerCase()).join(''),
    role,
    extension,
  };
}
