import pg from 'pg';
import { databaseNamed, type TestDatabase } from './databases.js';

/** A PostgreSQL database whose clock can be set. */
export interface ClockedDatabase extends TestDatabase {
  url: string;
  /** Its clock is ahead of that of this machine by this number of milliseconds. */
  setClock(ahead: number): Promise<void>;
}

/** The module asks for `statement_timestamp()`. In this database, a function of that name comes before the real one. */
export async function databaseWithClock(ahead = 0): Promise<ClockedDatabase> {
  const database = await databaseNamed('postgres').create();
  const url = database.url!;
  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await query(`
    CREATE TABLE clock_ahead AS SELECT ${ahead}::bigint AS milliseconds;
    CREATE FUNCTION public.statement_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
      SELECT pg_catalog.statement_timestamp() + (SELECT milliseconds FROM public.clock_ahead) * interval '1 ms'
    $$;
    ALTER DATABASE ${new URL(url).pathname.slice(1)} SET search_path = public, pg_catalog;`);
  return { ...database, url, setClock: (ahead) => query(`UPDATE clock_ahead SET milliseconds = ${ahead}`) };
}
