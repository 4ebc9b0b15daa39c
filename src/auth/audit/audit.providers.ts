import type { ConceptProviders } from '../common/concept-providers.js';
import { AccountNames } from './account-names.js';
import { AuthEventLog } from './auth-event-log.js';
import { AuthEventWriter } from './auth-event-writer.js';
import { AuthEventStore } from './auth-event.store.js';
import { EventErasure } from './event-erasure.js';

export const auditProviders: ConceptProviders = {
  exported: [AuthEventLog],
  internal: [AccountNames, AuthEventStore, AuthEventWriter, EventErasure],
};
