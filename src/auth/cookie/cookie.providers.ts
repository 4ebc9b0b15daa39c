import type { ConceptProviders } from '../common/concept-providers.js';
import { KnownDevices } from './known-devices.js';
import { RefreshCookie } from './refresh-cookie.js';

export const cookieProviders: ConceptProviders = {
  exported: [RefreshCookie],
  internal: [KnownDevices],
};
