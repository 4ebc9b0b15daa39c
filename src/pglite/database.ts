import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite, PGliteOptions } from '@electric-sql/pglite';
import { PgliteError } from './errors.js';
import { guardFirstStart } from './first-start.js';
import { assertWritable } from './folder-guard.js';
import { type FolderLock, lockFolder } from './folder-lock.js';
import { SERIALIZERS } from './parameters.js';
import { parsersLikePg } from './parsers.js';

/**
 * Options that PGlite receives unchanged. Parsers and serializers are excluded, because types are read and written as
 * in `pg`.
 */
export type PgliteSettings = Omit<PGliteOptions, 'dataDir' | 'fs' | 'parsers' | 'serializers'>;

/** A running PGlite. */
export interface PgliteDatabase {
  readonly session: PGlite;
  /**
   * Throws if the engine must not run now, because its folder is gone or cannot take what it writes.
   *
   * @throws {PgliteError} `pglite_lost`, `pglite_disk_full`, `pglite_read_only`
   */
  assertUsable(): void;
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
    return { session, assertUsable: () => undefined, close: () => session.close() };
  }

  create(folder);
  assertWritable(folder);
  const lock = lockFolder(folder);
  try {
    const session = await guardFirstStart(folder, () => startIn(folder, settings));
    return new DatabaseInFolder(session, folder, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

class DatabaseInFolder implements PgliteDatabase {
  constructor(
    readonly session: PGlite,
    private readonly folder: string,
    private readonly lock: FolderLock,
  ) {}

  assertUsable(): void {
    if (!this.lock.isHeld()) throw new PgliteError('pglite_lost', `(It is ${this.folder}.)`);
    assertWritable(this.folder);
  }

  async close(): Promise<void> {
    try {
      this.assertUsable();
      await this.session.close();
    } catch (error) {
      // The next start recovers from the log, as after a crash. The engine must not touch a folder that replaced its own.
      if (!(error instanceof PgliteError)) throw error;
    } finally {
      this.lock.release();
    }
  }
}

function create(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PgliteError('pglite_data_dir', `(${folder} cannot be created.)`, { cause });
  }
}

async function startIn(folder: string, settings: PgliteSettings): Promise<PGlite> {
  try {
    return await start({ ...settings, dataDir: folder });
  } catch (cause) {
    if (cause instanceof PgliteError) throw cause;
    throw new PgliteError('pglite_unreadable', `(${folder} ${versionIn(folder)})`, { cause });
  }
}

function versionIn(folder: string): string {
  try {
    return `has files of PostgreSQL ${readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim()}.`;
  } catch {
    return 'has no PG_VERSION.';
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
