import type { ConceptProviders } from '../common/concept-providers.js';
import { BodilessRequests } from './bodiless-requests.js';
import { ConnectionDrain } from './connection-drain.js';
import { SessionToEnd } from './session-to-end.js';

export const httpProviders: ConceptProviders = {
  exported: [],
  internal: [BodilessRequests, ConnectionDrain, SessionToEnd],
};
