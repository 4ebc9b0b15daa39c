import { DataSource } from 'typeorm';
import type { TestDatabase } from './databases.js';

/** Nobody else reads or writes the table of sessions until the returned function is called. */
export async function lockSessionTable(database: TestDatabase): Promise<() => Promise<void>> {
  const dataSource = await new DataSource(database.options([], [])).initialize();
  const holder = dataSource.createQueryRunner();
  const isPostgres = database.name === 'postgres';
  if (isPostgres) await holder.startTransaction();
  await holder.query(
    isPostgres ? 'LOCK TABLE refresh_tokens IN ACCESS EXCLUSIVE MODE' : 'LOCK TABLES refresh_tokens WRITE',
  );
  return async () => {
    if (isPostgres) await holder.commitTransaction();
    else await holder.query('UNLOCK TABLES');
    await holder.release();
    await dataSource.destroy();
  };
}
