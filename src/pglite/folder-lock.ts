import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PgliteError } from './errors.js';
import { isRunning, thisProcess, type ProcessIdentity } from './process-identity.js';

const LOCK_FILE = 'pglite.lock';

/** The content of a lock file. `nonce` distinguishes two locks of one process. */
interface Lock extends ProcessIdentity {
  readonly nonce: string;
}

/** A lock that this process holds, unless its file is removed. */
export interface FolderLock {
  /** False if the file of the lock, or the whole folder, was removed or replaced. */
  isHeld(): boolean;
  release(): void;
}

/**
 * Locks the folder for this process, with a file that names the process. It takes over the lock of a dead process. It
 * works only between processes of one machine. On a volume that machines or containers share, the pid has no meaning.
 *
 * @throws {PgliteError} `pglite_locked`, even if this process itself holds the lock.
 */
export function lockFolder(folder: string): FolderLock {
  return takeLock(join(folder, LOCK_FILE));
}

function takeLock(path: string): FolderLock {
  const lock: Lock = { ...thisProcess(), nonce: randomUUID() };
  if (!create(path, lock)) takeOver(path, lock);
  // The file may have been deleted by hand, and another process may have locked the folder since.
  const isHeld = () => read(path)?.nonce === lock.nonce;
  return {
    isHeld,
    release: () => {
      if (isHeld()) rmSync(path);
    },
  };
}

/**
 * Removing a stale file is dangerous: after our check, another process may remove it and create its own. So only the
 * holder of a second lock may remove a stale file, and it checks again first. A dead process may also leave the second
 * lock. It is taken over in the same way.
 */
function takeOver(path: string, lock: Lock): void {
  refuseIfHeld(path, read(path));
  const takeover = takeLock(`${path}.takeover`);
  try {
    const holder = read(path);
    refuseIfHeld(path, holder);
    // If the file is gone, its holder released it. The next file may be a new lock, so do not remove it.
    if (holder) rmSync(path);
    if (!create(path, lock)) throw refusal(path);
  } finally {
    takeover.release();
  }
}

function refuseIfHeld(path: string, holder: Lock | undefined): void {
  if (holder && isRunning(holder)) throw refusal(path, `process ${holder.pid}`);
}

function refusal(path: string, holder = 'another process'): PgliteError {
  return new PgliteError('pglite_locked', `(${holder} holds ${path}.)`);
}

/** Returns false if the file already exists. It is linked, not written, so that no process reads a partial file. */
function create(path: string, lock: Lock): boolean {
  const draft = `${path}.${lock.nonce}`;
  writeFileSync(draft, JSON.stringify(lock));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

/** Undefined if the file does not exist. */
function read(path: string): Lock | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code!)) return undefined;
    throw error;
  }
  return parse(text) ?? NOBODY;
}

/**
 * Files are never partial, so an unreadable one results from a power failure. It counts as the lock of a dead process:
 * no process has this pid.
 */
const NOBODY: Lock = { pid: 2 ** 31 - 1, started: null, nonce: '' };

function parse(text: string): Lock | undefined {
  try {
    const lock = JSON.parse(text) as Lock | null;
    return lock !== null && Number.isInteger(lock.pid) && lock.pid > 0 && lock.pid <= NOBODY.pid ? lock : undefined;
  } catch {
    return undefined;
  }
}
