import { getMetadataArgsStorage } from 'typeorm';
import type { RefreshTokenColumns } from '../session/refresh-token.entity.js';
import type { EntityClass } from '../common/database/entity-class.js';
import { CreateRefreshTokens1790000000000 } from './1790000000000-create-refresh-tokens.js';
import { CreateUsedDpopProofs1790000000010 } from './1790000000010-create-used-dpop-proofs.js';
import { CreateAuthEvents1790000000020 } from './1790000000020-create-auth-events.js';
import { CreateSessionLocks1790000000030 } from './1790000000030-create-session-locks.js';
import { AddCredentialsHash1790000000040 } from './1790000000040-add-credentials-hash.js';
import { AddEventAccounts1790000000050 } from './1790000000050-add-event-accounts.js';
import { WidenSessionIds1790000000060 } from './1790000000060-widen-session-ids.js';
import { AddSessionTerms1790000000070 } from './1790000000070-add-session-terms.js';

/** The migrations of a table of sessions. */
const sessionMigrations: (typeof CreateRefreshTokens1790000000000)[] = [
  CreateRefreshTokens1790000000000,
  AddCredentialsHash1790000000040,
  WidenSessionIds1790000000060,
  AddSessionTerms1790000000070,
];

/**
 * All migrations of the library, for the `migrations` of your `DataSource`.
 *
 * @example
 * new DataSource({ type: 'postgres', entities: refreshTokenEntities, migrations: refreshTokenMigrations });
 */
export const refreshTokenMigrations = [
  CreateRefreshTokens1790000000000,
  CreateUsedDpopProofs1790000000010,
  CreateAuthEvents1790000000020,
  CreateSessionLocks1790000000030,
  AddCredentialsHash1790000000040,
  AddEventAccounts1790000000050,
  WidenSessionIds1790000000060,
  AddSessionTerms1790000000070,
];

/**
 * The migrations for an additional table of sessions, whose entity `@RefreshTokenTable(…)` declares.
 *
 * @param entity a class with `@RefreshTokenTable(…)`
 * @example
 * new DataSource({ migrations: [...refreshTokenMigrations, ...refreshTokenMigrationsFor(StaffRefreshToken)], … })
 */
export function refreshTokenMigrationsFor(entity: EntityClass<RefreshTokenColumns>): typeof sessionMigrations {
  const table = getMetadataArgsStorage().tables.find(({ target }) => target === entity)?.name;
  return sessionMigrations.map(
    (Migration) =>
      class extends Migration {
        // TypeORM reads the last 13 characters as a timestamp, and needs a name that no other migration has.
        override readonly name = new Migration().name.replace(/(?=\d{13}$)/, `_${table}_`);
        protected override readonly entity = entity;
      },
  );
}
