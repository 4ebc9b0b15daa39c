import { DataSource } from 'typeorm';
import { pgliteDataSourceOptions } from '../../src/pglite/index.js';

/** Opens the folder, says how that went, and keeps it open until it is told to close. */
const dataSource = new DataSource(pgliteDataSourceOptions({ dataDir: process.argv[2] }));
try {
  await dataSource.initialize();
  process.once('message', () => void dataSource.destroy().then(() => process.disconnect()));
  process.send!('open');
} catch (error) {
  process.send!((error as { code?: string }).code ?? String(error), () => process.disconnect());
}
