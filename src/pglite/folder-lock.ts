import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PgliteError } from './errors.js';
import { isRunning, thisProcess, type ProcessIdentity } from './process-identity.js';

const LOCK_FILE = 'pglite.lock';

/** The content of a lock file. `nonce` tells two locks of one process apart. */
interface Lock extends ProcessIdentity {
  readonly nonce: string;
}

/**
 * Takes the folder for this process, by a file in it that names the process. A lock that was left by a dead process is
 * taken over. It works among the processes of one machine: from another machine, or from another container on the same
 * volume, the pid says nothing.
 *
 * @returns what gives the folder back.
 * @throws {PgliteError} `pglite_locked`, also when it is this very process that has the folder open.
 */
export function lockFolder(folder: string): () => void {
  return takeLock(join(folder, LOCK_FILE));
}

function takeLock(path: string): () => void {
  const lock: Lock = { ...thisProcess(), nonce: randomUUID() };
  if (!create(path, lock)) takeOver(path, lock);
  return () => {
    // Someone may have deleted our file by hand, and someone else taken the folder since.
    if (read(path)?.nonce === lock.nonce) rmSync(path);
  };
}

/**
 * Removing a stale file is the dangerous step: between looking and removing, another process may have done the same and
 * put its own file there. So a stale file is removed by nobody but the holder of a second lock, who looks again first.
 * That second lock can in turn be left by a dead process, and is taken over in the same way.
 */
function takeOver(path: string, lock: Lock): void {
  refuseIfHeld(path, read(path));
  const release = takeLock(`${path}.takeover`);
  try {
    const holder = read(path);
    refuseIfHeld(path, holder);
    // A file that is gone by now was given back by its holder. The next file there can be a fresh one: do not touch it.
    if (holder) rmSync(path);
    if (!create(path, lock)) throw refusal(path);
  } finally {
    release();
  }
}

function refuseIfHeld(path: string, holder: Lock | undefined): void {
  if (holder && isRunning(holder)) throw refusal(path, `process ${holder.pid}`);
}

function refusal(path: string, holder = 'another process'): PgliteError {
  return new PgliteError('pglite_locked', `(${path} is held by ${holder}.)`);
}

/** False when there is one already. Linked, not written, so that no one ever reads half of it. */
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

/** `undefined` if the file does not exist. */
function read(path: string): Lock | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parse(text) ?? NOBODY;
}

/** Files are never half written, so one that makes no sense is what a power failure left. No process has this pid. */
const NOBODY: Lock = { pid: 2 ** 31 - 1, started: null, nonce: '' };

function parse(text: string): Lock | undefined {
  try {
    const lock = JSON.parse(text) as Lock | null;
    return lock !== null && Number.isInteger(lock.pid) && lock.pid > 0 && lock.pid <= NOBODY.pid ? lock : undefined;
  } catch {
    return undefined;
  }
}
