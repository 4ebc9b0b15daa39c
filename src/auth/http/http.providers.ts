import type { ConceptProviders } from '../common/options/concept-providers.js';
import { BodilessRequests } from './bodiless-requests.js';

export const httpProviders: ConceptProviders = {
  exported: [],
  internal: [BodilessRequests],
};
