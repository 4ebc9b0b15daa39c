import { accessSync, constants, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { PgliteError } from './errors.js';

/** Bytes: a file of the engine's log (`wal_segment_size`), and some data. */
const NEEDED = 18 * 2 ** 20;

/**
 * Checks that the engine can write, before it has to. If a server cannot write its log, it stops. PGlite does not: it
 * loops forever, and the process answers nothing any more.
 *
 * @throws {PgliteError} `pglite_disk_full`, `pglite_read_only`
 */
export function assertWritable(folder: string): void {
  for (const path of [folder, join(folder, 'pg_wal')]) assertAccess(path);
  const { bavail, bsize, blocks } = statfsSync(folder);
  // Some file systems do not tell their size.
  if (blocks > 0 && bavail * bsize < NEEDED) {
    throw new PgliteError('pglite_disk_full', `(${toMebibytes(bavail * bsize)} MiB are free at ${folder}.)`);
  }
}

function assertAccess(path: string): void {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    // A folder has no log before its first start.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new PgliteError('pglite_read_only', `(It is ${path}.)`, { cause });
  }
}

function toMebibytes(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
