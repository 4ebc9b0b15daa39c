import type { ConceptProviders } from '../common/concept-providers.js';
import { StreamSessions } from './stream-sessions.js';

export const streamProviders: ConceptProviders = {
  exported: [StreamSessions],
  internal: [],
};
