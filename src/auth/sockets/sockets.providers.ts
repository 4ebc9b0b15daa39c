import type { ConceptProviders } from '../common/concept-providers.js';
import { SocketSessions } from './socket-sessions.js';

export const socketProviders: ConceptProviders = {
  exported: [SocketSessions],
  internal: [],
};
