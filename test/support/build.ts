import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat, utimes } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './root.js';

const run = promisify(execFile);

const SOURCES = ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
/** What the build writes after compiling, and `npm start`, which checks no types, does not. */
const OUTCOME = 'dist/client/client.min.js';

/** The environment variable by which the tests find {@link serveBuild}. */
export const BUILD_URL = 'TEST_BUILD_URL';

/**
 * Builds the package on request, if its sources have changed since the last build. It lives in the main process of Vitest, so
 * that the workers do not build at the same time.
 *
 * @returns the function that ends it
 */
export async function serveBuild(): Promise<() => void> {
  let building: Promise<void> | undefined;
  const server = createServer((_, response) => {
    building ??= buildIfStale().finally(() => (building = undefined));
    building.then(
      () => response.end(),
      (error: { stdout?: string; stderr?: string }) =>
        response.writeHead(500).end(`The build failed.\n${error.stdout ?? ''}${error.stderr ?? String(error)}`),
    );
  });
  await once(server.listen(0, '127.0.0.1').unref(), 'listening');
  process.env[BUILD_URL] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return () => {
    delete process.env[BUILD_URL];
    server.close();
    server.closeAllConnections();
  };
}

async function buildIfStale(): Promise<void> {
  const changed = await Promise.all(SOURCES.map((path) => lastChange(join(root, path))));
  const built = await stat(join(root, OUTCOME)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (Math.max(...changed) < built) return;
  const startedAt = new Date();
  await run('npm', ['run', 'build'], { cwd: root });
  // A source that was changed during the build is newer than what was built.
  await utimes(join(root, OUTCOME), startedAt, startedAt);
}

/** Of a file, or of a folder with all that is in it. The time of a folder itself tells of what was removed. */
async function lastChange(path: string): Promise<number> {
  const status = await stat(path);
  if (!status.isDirectory()) return status.mtimeMs;
  const entries = await readdir(path);
  const times = await Promise.all(entries.map((entry) => lastChange(join(path, entry))));
  return Math.max(status.mtimeMs, ...times);
}
