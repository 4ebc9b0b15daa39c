import type { DataSource } from 'typeorm';
import { isServerUrl } from '../demo-config.js';
import { type Seeding, seedUsers } from '../users/seed-users.js';
import { createDataSource, createServingDataSource } from './data-source.js';

/** An arbitrary number, the same in all processes of the demo. */
const LOCK = 1_790_000_000;

/**
 * Migrates the database, creates the demo's users, and connects. Several processes may start at the same time on one
 * server.
 */
export async function prepareDatabase(database: string, seeding: Seeding): Promise<DataSource> {
  const shared = isServerUrl(database);
  const patient = await createDataSource(database).initialize();
  try {
    await alone(patient, shared, async () => {
      await patient.runMigrations();
      await assertTablesFit(patient, database);
      await seedUsers(patient, seeding);
    });
  } catch (error) {
    await patient.destroy();
    throw error;
  }
  if (!shared) return patient;
  await patient.destroy();
  try {
    return await createServingDataSource(database).initialize();
  } catch (error) {
    // PgBouncer knows few parameters of a connection, unless its ignore_startup_parameters names them.
    if (!String(error).includes('unsupported startup parameter')) throw error;
    return createServingDataSource(database, { behindPooler: true }).initialize();
  }
}

/** Before the first release, tables change without a migration. The tables of an older demo lack columns. */
async function assertTablesFit(dataSource: DataSource, database: string): Promise<void> {
  for (const { target, tableName } of dataSource.entityMetadatas) {
    try {
      await dataSource.createQueryBuilder(target, tableName).limit(1).getOne();
    } catch (error) {
      const where = isServerUrl(database)
        ? 'name a different database in DATABASE_URL'
        : `remove the folder ${database}`;
      throw new Error(
        `The table ${tableName} was created by a different version of the demo: ${where}. (${String(error)})`,
      );
    }
  }
}

async function alone(dataSource: DataSource, shared: boolean, work: () => Promise<void>): Promise<void> {
  // The embedded database has one process and one connection. A lock held on it would block the work itself.
  if (!shared) return work();
  const postgres = dataSource.options.type === 'postgres';
  const holder = dataSource.createQueryRunner();
  try {
    // On PostgreSQL the lock belongs to a transaction, because a pooler shares connections between transactions.
    if (postgres) await holder.startTransaction();
    await holder.query(postgres ? `SELECT pg_advisory_xact_lock(${LOCK})` : `SELECT GET_LOCK('${LOCK}', 60)`);
    await work();
    if (postgres) await holder.commitTransaction();
    else await holder.query(`SELECT RELEASE_LOCK('${LOCK}')`);
  } finally {
    await holder.release();
  }
}
