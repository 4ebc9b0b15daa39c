import { mkdirSync } from 'node:fs';
import type { PGlite, PGliteOptions } from '@electric-sql/pglite';
import { PgliteError } from './errors.js';
import { guardFirstStart } from './first-start.js';
import { lockFolder } from './folder-lock.js';
import { SERIALIZERS } from './parameters.js';
import { parsersLikePg } from './parsers.js';

/** What is passed on to PGlite as it is. The types are read and written as `pg` does, so they are not among it. */
export type PgliteSettings = Omit<PGliteOptions, 'dataDir' | 'fs' | 'parsers' | 'serializers'>;

/** A running PGlite, and how to end it. */
export interface PgliteDatabase {
  readonly session: PGlite;
  close(): Promise<void>;
}

/**
 * Starts PGlite.
 *
 * @param folder absolute path, made where it is missing; undefined for memory.
 */
export async function openDatabase(folder: string | undefined, settings: PgliteSettings): Promise<PgliteDatabase> {
  if (folder === undefined) {
    const session = await start(settings);
    return { session, close: () => session.close() };
  }

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unlock = lockFolder(folder);
  try {
    const session = await guardFirstStart(folder, () => start({ ...settings, dataDir: folder }));
    return { session, close: () => session.close().finally(unlock) };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function start(options: PGliteOptions): Promise<PGlite> {
  const { PGlite, types } = await importPglite();
  const session = await PGlite.create(options);
  // Replaced and not added to, as PGlite would go on to read types that `pg` leaves a text. It looks up the types of
  // the host's own when it starts, so this is the first moment.
  session.parsers = parsersLikePg(types.arrayParser);
  session.serializers = SERIALIZERS;
  return session;
}

/** Imported when it is needed, as only those who want an embedded database have it. */
async function importPglite(): Promise<typeof import('@electric-sql/pglite')> {
  try {
    return await import('@electric-sql/pglite');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' && message.includes('@electric-sql/pglite');
    throw missing ? new PgliteError('pglite_missing', '', { cause: error }) : error;
  }
}
