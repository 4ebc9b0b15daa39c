import { AuthEventRecord } from './audit/auth-event-record.entity.js';
import { UsedDpopProof } from './binding/dpop/used-dpop-proof.entity.js';
import type { EntityClass } from './common/database/entity-class.js';
import { RefreshToken, type RefreshTokenColumns } from './session/refresh-token.entity.js';

/** Every entity of the library, for the `entities` of the host's `DataSource`. */
export const refreshTokenEntities = [RefreshToken, UsedDpopProof, AuthEventRecord];

/** Those that one `AuthModule` uses, whose sessions may have a table of their own. */
export function entitiesWith(sessions: EntityClass<RefreshTokenColumns>): EntityClass<object>[] {
  return refreshTokenEntities.map((entity) => (entity === RefreshToken ? sessions : entity));
}
