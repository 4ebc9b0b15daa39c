// For the TypeORM CLI: npm run migration:run, migration:revert, schema:log.
import { createDataSource } from './src/demo/database/data-source.js';
import { readDatabase } from './src/demo/demo-config.js';

export default createDataSource(readDatabase(process.env));
