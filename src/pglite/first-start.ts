import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * On the first start PGlite makes a database in memory and copies it into the folder, `PG_VERSION` among the first
 * files. Killed during the copy, it would take the half of it for a database at every later start, and fail. So a mark
 * lies in the folder until the first start is through, and a start that finds the mark begins anew. There is nothing to
 * lose: no one got a connection before.
 *
 * @param start is called once, and opens the folder.
 */
export async function guardFirstStart<T>(folder: string, start: () => Promise<T>): Promise<T> {
  const mark = join(folder, 'pglite.first-start');
  const version = join(folder, 'PG_VERSION');

  if (existsSync(mark)) rmSync(version, { force: true });
  if (existsSync(version)) return start();

  writeFileSync(mark, '');
  const started = await start();
  rmSync(mark);
  return started;
}
