import { createRequire } from 'node:module';
import type { Project } from '../edit/project.js';

const { peerDependencies } = createRequire(import.meta.url)('../../../package.json') as {
  peerDependencies: Record<string, string>;
};

const NEEDED = ['class-transformer', 'passport', 'passport-jwt'];

/** The packages to install, in versions that fit the Nest version of the application. */
export function neededPackages(project: Project): Record<string, string> {
  const nest = `^${project.majorOf('@nestjs/core', '12')}.0.0`;
  return {
    '@nestjs/config': nest === '^11.0.0' ? '^4.0.0' : nest,
    '@nestjs/jwt': nest,
    '@nestjs/passport': nest,
    '@nestjs/typeorm': nest,
    // The range for Nest 11 does not work with later versions.
    'class-validator': rangesOf('class-validator').at(nest === '^11.0.0' ? 0 : -1)!,
    typeorm: rangesOf('typeorm').at(-1)!,
    ...Object.fromEntries(NEEDED.map((name) => [name, peerDependencies[name]])),
    // The packages of the data source that the schematic creates.
    ...(isEmbedded(project) && { pg: '^8.0.0', '@electric-sql/pglite': peerDependencies['@electric-sql/pglite'] }),
  };
}

/** Whether the application uses the embedded database. */
export const isEmbedded = (project: Project) => project.sources(/nestjs-refresh-token\/pglite/).length > 0;

/** Version ranges, oldest first. */
function rangesOf(name: string): string[] {
  return peerDependencies[name].split('||').map((range) => range.trim());
}
