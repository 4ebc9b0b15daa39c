import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { mount, mountMemory, unmount } from './mounts.js';

const MEBIBYTE = Buffer.alloc(2 ** 20);

/** A file system of its own, gone after the test. */
export class SmallDisk {
  readonly folder: string;
  private readonly filling: string;

  constructor(mebibytes: number) {
    this.folder = mountMemory(mebibytes);
    this.filling = join(this.folder, 'filling');
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
