import type { ConceptProviders } from '../common/concept-providers.js';
import { DeadSessions } from './dead-sessions.js';
import { JobClaims } from './job-claims.js';
import { RefreshTokenStore } from './refresh-token.store.js';
import { SessionDetailsStore } from './session-details.store.js';
import { SessionDevices } from './session-devices.js';
import { SessionErasure } from './session-erasure.js';

export const sessionProviders: ConceptProviders = {
  exported: [],
  internal: [DeadSessions, JobClaims, RefreshTokenStore, SessionDetailsStore, SessionDevices, SessionErasure],
};
