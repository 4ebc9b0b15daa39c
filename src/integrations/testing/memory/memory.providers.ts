import type { Provider } from '@nestjs/common';
import { AuthEventStore } from '../../../auth/audit/auth-event.store.js';
import { UsedDpopProofStore } from '../../../auth/binding/dpop/used-dpop-proof.store.js';
import { AUTH_DATA_SOURCE, AuthDatabase } from '../../../auth/common/database/auth-database.js';
import { DeadSessions } from '../../../auth/session/dead-sessions.js';
import { JobClaims } from '../../../auth/session/job-claims.js';
import { RefreshTokenStore } from '../../../auth/session/refresh-token.store.js';
import { SessionDetailsStore } from '../../../auth/session/session-details.store.js';
import { SessionDevices } from '../../../auth/session/session-devices.js';
import { SessionErasure } from '../../../auth/session/session-erasure.js';
import { MemoryAuthEventStore } from './memory-auth-event.store.js';
import { MemoryDeadSessions } from './memory-dead-sessions.js';
import { MemoryRefreshTokenStore } from './memory-refresh-token.store.js';
import { MemorySessionDetailsStore } from './memory-session-details.store.js';
import { MemorySessionDevices } from './memory-session-devices.js';
import { MemorySessionErasure } from './memory-session-erasure.js';
import { MemorySessions } from './memory-sessions.js';
import { MemoryUsedDpopProofStore } from './memory-used-dpop-proof.store.js';
import { NoDatabase } from './no-database.js';

/** There is one instance, so it does each job. */
const JOB_CLAIMS: Pick<JobClaims, keyof JobClaims> = { claim: async () => true };

/** Replaces all providers of `AuthModule` that use the database. */
export const memoryProviders: Provider[] = [
  MemorySessions,
  { provide: AUTH_DATA_SOURCE, useValue: null },
  { provide: AuthDatabase, useClass: NoDatabase },
  { provide: RefreshTokenStore, useClass: MemoryRefreshTokenStore },
  { provide: SessionDetailsStore, useClass: MemorySessionDetailsStore },
  { provide: SessionDevices, useClass: MemorySessionDevices },
  { provide: DeadSessions, useClass: MemoryDeadSessions },
  { provide: SessionErasure, useClass: MemorySessionErasure },
  { provide: JobClaims, useValue: JOB_CLAIMS },
  { provide: AuthEventStore, useClass: MemoryAuthEventStore },
  { provide: UsedDpopProofStore, useClass: MemoryUsedDpopProofStore },
];
