import { AuthEventRecord } from './audit/auth-event-record.entity.js';
import { UsedDpopProof } from './binding/dpop/used-dpop-proof.entity.js';
import type { EntityClass } from './common/database/entity-class.js';
import { RefreshToken, type RefreshTokenColumns } from './session/refresh-token.entity.js';
import { SessionLock } from './session/session-lock.entity.js';

/**
 * All entities of the library, for the `entities` of your `DataSource`.
 *
 * @example
 * TypeOrmModule.forRoot({ type: 'postgres', entities: [...refreshTokenEntities, User] });
 */
export const refreshTokenEntities = [RefreshToken, UsedDpopProof, AuthEventRecord, SessionLock];

/** The entities of one `AuthModule`, whose sessions may have their own table. */
export function entitiesWith(sessions: EntityClass<RefreshTokenColumns>): EntityClass<object>[] {
  return refreshTokenEntities.map((entity) => (entity === RefreshToken ? sessions : entity));
}
