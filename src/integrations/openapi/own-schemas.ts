import type { OpenAPIObject } from '@nestjs/swagger';
import { AUTH_SCHEMAS } from './schemas.js';

const PREFIX = '#/components/schemas/';

/**
 * Adds the schemas of the auth routes to a document. If the host has another schema with the same name, ours gets
 * another name.
 *
 * @returns a function that changes the references of a description to these names, and one that removes the schemas to
 *   which nothing refers
 */
export function addSchemas(document: OpenAPIObject): { referring: <T>(described: T) => T; removeUnused: () => void } {
  const schemas = ((document.components ??= {}).schemas ??= {});
  const renamed = new Map<string, string>();
  for (const [name, schema] of Object.entries(AUTH_SCHEMAS)) {
    let free = name;
    while (free in schemas && JSON.stringify(schemas[free]) !== JSON.stringify(schema)) free = `RefreshToken${free}`;
    schemas[free] = schema;
    renamed.set(PREFIX + name, PREFIX + free);
  }
  const referring = <T>(described: T) =>
    JSON.parse(JSON.stringify(described), (key, value: unknown) =>
      key === '$ref' && typeof value === 'string' ? (renamed.get(value) ?? value) : value,
    ) as T;
  const removeUnused = () => {
    const text = JSON.stringify(document);
    for (const path of renamed.values()) if (!text.includes(`"${path}"`)) delete schemas[path.slice(PREFIX.length)];
  };
  return { referring, removeUnused };
}
