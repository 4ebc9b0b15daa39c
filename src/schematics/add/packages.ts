import { createRequire } from 'node:module';
import type { Project } from '../edit/project.js';

const { peerDependencies } = createRequire(import.meta.url)('../../../package.json') as {
  peerDependencies: Record<string, string>;
};

/** Those that the application's own code uses from now on, beside what the library asks for. */
const NEEDED = ['@electric-sql/pglite', 'class-transformer', 'passport', 'passport-jwt'];

/** What has to be installed, in versions that go with the application's Nest. */
export function neededPackages(project: Project): Record<string, string> {
  const nest = `^${project.majorOf('@nestjs/core', '12')}.0.0`;
  return {
    '@nestjs/config': nest === '^11.0.0' ? '^4.0.0' : nest,
    '@nestjs/jwt': nest,
    '@nestjs/passport': nest,
    '@nestjs/typeorm': nest,
    // Packages of the time of Nest 11 do not go with a later one.
    'class-validator': rangesOf('class-validator').at(nest === '^11.0.0' ? 0 : -1)!,
    pg: '^8.0.0',
    typeorm: rangesOf('typeorm').at(-1)!,
    ...Object.fromEntries(NEEDED.map((name) => [name, peerDependencies[name]])),
  };
}

/** The oldest first. */
function rangesOf(name: string): string[] {
  return peerDependencies[name].split('||').map((range) => range.trim());
}
