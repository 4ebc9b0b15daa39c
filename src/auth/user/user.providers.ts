import type { ConceptProviders } from '../common/concept-providers.js';
import { BoundedUserProvider } from './bounded-user-provider.js';
import { CurrentUsers } from './current-users.js';

export const userProviders: ConceptProviders = {
  exported: [],
  internal: [BoundedUserProvider, CurrentUsers],
};
