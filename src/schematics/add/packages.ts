import { createRequire } from 'node:module';
import type { Project } from '../edit/project.js';

const { peerDependencies } = createRequire(import.meta.url)('../../../package.json') as {
  peerDependencies: Record<string, string>;
};

const NEEDED = ['class-transformer', 'passport', 'passport-jwt'];

/** What has to be installed, in versions that go with the application's Nest. */
export function neededPackages(project: Project): Record<string, string> {
  const nest = `^${project.majorOf('@nestjs/core', '12')}.0.0`;
  const isEmbedded = project.sources(/nestjs-refresh-token\/pglite/).length > 0;
  return {
    '@nestjs/config': nest === '^11.0.0' ? '^4.0.0' : nest,
    '@nestjs/jwt': nest,
    '@nestjs/passport': nest,
    '@nestjs/typeorm': nest,
    // Packages of the time of Nest 11 do not go with a later one.
    'class-validator': rangesOf('class-validator').at(nest === '^11.0.0' ? 0 : -1)!,
    typeorm: rangesOf('typeorm').at(-1)!,
    ...Object.fromEntries(NEEDED.map((name) => [name, peerDependencies[name]])),
    // The data source that `nest add` writes needs these.
    ...(isEmbedded && { pg: '^8.0.0', '@electric-sql/pglite': peerDependencies['@electric-sql/pglite'] }),
  };
}

/** The oldest first. */
function rangesOf(name: string): string[] {
  return peerDependencies[name].split('||').map((range) => range.trim());
}
