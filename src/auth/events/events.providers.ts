import type { ConceptProviders } from '../common/concept-providers.js';
import { AuthEventBus } from './auth-event-bus.js';
import { EventEmitterBridge } from './event-emitter-bridge.js';

export const eventProviders: ConceptProviders = {
  exported: [AuthEventBus],
  internal: [EventEmitterBridge],
};
