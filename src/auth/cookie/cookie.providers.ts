import type { ConceptProviders } from '../common/concept-providers.js';
import { AccessTokenCookie } from './access-token-cookie.js';
import { DeviceIdCookie } from './device-id-cookie.js';
import { InsecureCookies } from './insecure-cookies.js';
import { KnownDevices } from './known-devices.js';
import { RefreshCookie } from './refresh-cookie.js';

export const cookieProviders: ConceptProviders = {
  exported: [RefreshCookie],
  internal: [AccessTokenCookie, DeviceIdCookie, InsecureCookies, KnownDevices],
};
