import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const MEBIBYTE = Buffer.alloc(2 ** 20);

/** Whether this process may mount file systems. If it may not, the tests are skipped. */
export const mountsAvailable = canMount();

/** A file system of its own, gone after the test. */
export class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  private readonly filling = join(this.folder, 'filling');

  constructor(mebibytes: number) {
    mount(this.folder, `size=${mebibytes}m`);
    onTestFinished(() => unmount(this.folder));
  }

  /** Somebody else takes what is left. */
  fill(): void {
    const file = openSync(this.filling, 'w');
    try {
      while (writeSync(file, MEBIBYTE) > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.filling);
  }

  /** No file of it may be open. */
  remount(mode: 'ro' | 'rw'): void {
    mount(this.folder, `remount,${mode}`);
  }
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    mount(folder, 'size=1m');
    unmount(folder);
    return true;
  } catch {
    rmdirSync(folder);
    return false;
  }
}

function mount(folder: string, options: string): void {
  run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder);
}

function unmount(folder: string): void {
  // What still uses it keeps it until it ends.
  run('umount', '--lazy', folder);
  rmdirSync(folder);
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
}
