import { mkdirSync } from 'node:fs';
import type { PGlite, PGliteOptions } from '@electric-sql/pglite';
import { PgliteError } from './errors.js';
import { guardFirstStart } from './first-start.js';
import { lockFolder } from './folder-lock.js';
import { SERIALIZERS } from './parameters.js';
import { parsersLikePg } from './parsers.js';

/**
 * Options that PGlite receives unchanged. Parsers and serializers are excluded, because types are read and written as
 * in `pg`.
 */
export type PgliteSettings = Omit<PGliteOptions, 'dataDir' | 'fs' | 'parsers' | 'serializers'>;

/** A running PGlite, and a function that closes it. */
export interface PgliteDatabase {
  readonly session: PGlite;
  close(): Promise<void>;
}

/**
 * Starts PGlite.
 *
 * @param folder absolute path, created if missing; undefined for a database in memory.
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
  // Replace the parsers instead of adding to them. Otherwise PGlite would parse types that `pg` leaves as text. PGlite
  // loads the types of the host at its start, so this is the earliest moment.
  session.parsers = parsersLikePg(types.arrayParser);
  session.serializers = SERIALIZERS;
  return session;
}

/** Imported on demand, because only users of the embedded database install it. */
async function importPglite(): Promise<typeof import('@electric-sql/pglite')> {
  try {
    return await import('@electric-sql/pglite');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' && message.includes('@electric-sql/pglite');
    throw missing ? new PgliteError('pglite_missing', '', { cause: error }) : error;
  }
}
