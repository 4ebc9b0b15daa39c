import type { ConceptProviders } from '../common/options/concept-providers.js';
import { RefreshCookie } from './refresh-cookie.js';

export const cookieProviders: ConceptProviders = {
  exported: [RefreshCookie],
  internal: [],
};
