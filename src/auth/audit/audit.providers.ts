import type { ConceptProviders } from '../common/concept-providers.js';
import { AuthEventLog } from './auth-event-log.js';
import { AuthEventWriter } from './auth-event-writer.js';
import { AuthEventStore } from './auth-event.store.js';

export const auditProviders: ConceptProviders = {
  exported: [AuthEventLog],
  internal: [AuthEventStore, AuthEventWriter],
};
