import { DataSource } from 'typeorm';
import { pgliteDataSourceOptions } from '../../src/pglite/index.js';

/** Writes without an end, two rows in one transaction, and tells every number that is committed. */
const dataSource = await new DataSource(pgliteDataSourceOptions({ dataDir: process.argv[2] })).initialize();
await dataSource.query('CREATE TABLE IF NOT EXISTS pairs (number integer, half text, filling text)');
const filling = 'x'.repeat(4_000);
const [{ last }] = await dataSource.query<[{ last: number }]>('SELECT coalesce(max(number), 0) AS last FROM pairs');

for (let number = last + 1; ; number++) {
  await dataSource.transaction(async (manager) => {
    await manager.query('INSERT INTO pairs VALUES ($1, $2, $3)', [number, 'left', filling]);
    await manager.query('INSERT INTO pairs VALUES ($1, $2, $3)', [number, 'right', filling]);
  });
  await new Promise((sent) => process.send!(number, sent));
}
