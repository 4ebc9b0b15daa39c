import type { ConceptProviders } from '../common/concept-providers.js';
import { BodilessRequests } from './bodiless-requests.js';

export const httpProviders: ConceptProviders = {
  exported: [],
  internal: [BodilessRequests],
};
