import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Vitest ends a worker by SIGTERM. No mount may outlive it. */
const mounted = new Set<string>();
const unmountAll = () => mounted.forEach(unmount);
process.once('exit', unmountAll);
process.once('SIGTERM', () => {
  unmountAll();
  process.kill(process.pid, 'SIGTERM'); // now without this listener, so that it ends the process
});

/** Whether this process may mount file systems. If it may not, the tests are skipped. */
export const mountsAvailable = canMount();

/** Mounts a file system in memory in a new folder. */
export function mountMemory(mebibytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    mount(folder, `size=${mebibytes}m`);
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  mounted.add(folder);
  return folder;
}

/** @param options of `mount`, for example `remount,ro` */
export function mount(folder: string, options: string): void {
  run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder);
}

export function unmount(folder: string): void {
  mounted.delete(folder);
  // What still uses it keeps it until it ends.
  run('umount', '--lazy', folder);
  rmdirSync(folder);
}

function canMount(): boolean {
  try {
    unmount(mountMemory(1));
    return true;
  } catch {
    return false;
  }
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
}
