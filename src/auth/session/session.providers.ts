import type { ConceptProviders } from '../common/concept-providers.js';
import { RefreshTokenStore } from './refresh-token.store.js';

export const sessionProviders: ConceptProviders = {
  exported: [],
  internal: [RefreshTokenStore],
};
