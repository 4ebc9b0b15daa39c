import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import './built.js';

const run = promisify(execFile);

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Packed {
  /** Of the tarball. */
  path: string;
  /** What it holds, relative to the package. */
  files: string[];
}

/** The package as it is published, packed into a folder. */
export async function pack(into: string): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', into], {
    cwd: root,
  });
  type Entry = { filename: string; files: { path: string }[] };
  const [{ filename, files }] = Object.values(JSON.parse(stdout) as Entry[] | Record<string, Entry>);
  return { path: join(into, filename), files: files.map(({ path }) => path) };
}
