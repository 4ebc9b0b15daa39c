import type { ConceptProviders } from '../common/options/concept-providers.js';
import { BoundedUserProvider } from './bounded-user-provider.js';

export const userProviders: ConceptProviders = {
  exported: [],
  internal: [BoundedUserProvider],
};
