// `nestjs-refresh-token/typeorm`: entities and migrations for the application's `DataSource`.
export { refreshTokenEntities } from './entities.js';
export { RefreshToken, RefreshTokenColumns, RefreshTokenTable } from './session/refresh-token.entity.js';
export { UsedDpopProof } from './binding/dpop/used-dpop-proof.entity.js';
export { AuthEventRecord } from './audit/auth-event-record.entity.js';
export { SessionLock } from './session/session-lock.entity.js';
export type { AuthEventOutcome } from './audit/event-outcome.js';
export { refreshTokenMigrations, refreshTokenMigrationsFor } from './migrations/index.js';
export { CreateRefreshTokens1790000000000 } from './migrations/1790000000000-create-refresh-tokens.js';
export { CreateUsedDpopProofs1790000000010 } from './migrations/1790000000010-create-used-dpop-proofs.js';
export { CreateAuthEvents1790000000020 } from './migrations/1790000000020-create-auth-events.js';
export { CreateSessionLocks1790000000030 } from './migrations/1790000000030-create-session-locks.js';
export { AddCredentialsHash1790000000040 } from './migrations/1790000000040-add-credentials-hash.js';
export { AddEventAccounts1790000000050 } from './migrations/1790000000050-add-event-accounts.js';
export { WidenSessionIds1790000000060 } from './migrations/1790000000060-widen-session-ids.js';
export type { StatementResult } from './common/database/answer.js';
export { Statement, type StatementValues } from './common/database/statement.js';
