import { posix } from 'node:path';
import { JsonEdit } from '../edit/json-edit.js';
import type { Project } from '../edit/project.js';
import { isEmbedded } from './packages.js';

const TIMEOUT = 30_000;

/**
 * Lets Jest start the embedded database in end-to-end tests of NestJS 11 and CommonJS. PGlite loads its files by
 * `import()`, which Jest allows with a flag only; NestJS 12 starts Jest with it. The first start of the database takes
 * longer than the 5 seconds of Jest.
 */
export function startEmbeddedDatabaseInJest(project: Project): void {
  if (project.majorOf('@nestjs/core', '12') !== '11' || project.packageJson.type === 'module') return;
  if (!isEmbedded(project)) return;
  const script = /("test:e2e":\s*")jest (?=--config )/;
  const command = '$1node --experimental-vm-modules ./node_modules/jest/bin/jest.js ';
  project.write('package.json', project.read('package.json').replace(script, command));
  const folders = [...new Set(['test', `${posix.dirname(project.sourceRoot)}/test`].map(posix.normalize))];
  for (const path of folders.map((folder) => `${folder}/jest-e2e.json`).filter((path) => project.exists(path))) {
    project.write(path, new JsonEdit(project.read(path), path).add(['testTimeout'], TIMEOUT).toString());
  }
}
