import { constants, cpSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { inject } from 'vitest';

/** An empty database that has had its first start, in two forms. */
interface Template {
  folder: string;
  dump: Blob;
}

/**
 * A start reads every file, and fills the memory for the buffers. So the template has only what a test uses: the database
 * `postgres`, and few buffers. A start then takes half as long.
 */
const ONLY_WHAT_IS_USED = [
  'UPDATE pg_database SET datistemplate = false',
  'DROP DATABASE template0',
  'DROP DATABASE template1',
  `ALTER SYSTEM SET shared_buffers = '4MB'`,
];

let template: Promise<Template> | undefined;

/** Made once per worker: a first start costs a second of the processor, a start from what it leaves a fraction. */
async function makeTemplate(): Promise<Template> {
  const folder = mkdtempSync(join(inject('scratch'), 'pglite-'));
  const session = await PGlite.create({ dataDir: folder });
  try {
    for (const statement of ONLY_WHAT_IS_USED) await session.exec(statement);
    return { folder, dump: await session.dumpDataDir('none') };
  } finally {
    await session.close();
  }
}

/** For `loadDataDir`. */
export async function startedPgliteDump(): Promise<Blob> {
  return (await (template ??= makeTemplate())).dump;
}

/** Into a folder that is empty, or not there yet. */
export async function copyStartedPglite(folder: string): Promise<void> {
  const { folder: source } = await (template ??= makeTemplate());
  cpSync(source, folder, { recursive: true, mode: constants.COPYFILE_FICLONE });
}
