import { randomUUID } from 'node:crypto';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import type { AuthContext } from './auth-app.js';

const CHUNK = 5_000;

/** Inserts copies of a session with ids of their own. */
export async function copySession({ dataSource }: AuthContext, sessionId: string, copies: number): Promise<void> {
  const { columns } = dataSource.getMetadata(RefreshToken);
  const others = columns.map(({ databaseName }) => databaseName).filter((name) => name !== 'id');
  const id = dataSource.options.type === 'postgres' ? 'CAST(ids.id AS uuid)' : 'ids.id';
  await dataSource.query('CREATE TABLE ids (id varchar(36) NOT NULL)');
  for (let from = 0; from < copies; from += CHUNK) {
    const ids = Array.from({ length: Math.min(CHUNK, copies - from) }, () => `('${randomUUID()}')`);
    await dataSource.query(`INSERT INTO ids VALUES ${ids.join(', ')}`);
  }
  await dataSource.query(
    `INSERT INTO refresh_tokens (id, ${others.join(', ')})
     SELECT ${id}, ${others.map((name) => `session.${name}`).join(', ')}
     FROM ids, refresh_tokens session WHERE session.id = '${sessionId}'`,
  );
  await dataSource.query('DROP TABLE ids');
}
