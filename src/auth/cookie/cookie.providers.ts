import type { ConceptProviders } from '../common/concept-providers.js';
import { RefreshCookie } from './refresh-cookie.js';

export const cookieProviders: ConceptProviders = {
  exported: [RefreshCookie],
  internal: [],
};
