import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * On the first start, PGlite creates a database in memory and copies it into the folder, with `PG_VERSION` among the
 * first files. If the process dies during the copy, later starts take the partial copy for a database, and fail. So a
 * marker file stays in the folder until the first start is complete. A start that finds the marker begins again. No
 * data is lost, because no connection existed before.
 *
 * @param start opens the folder; it is called once.
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
