import type { ConceptProviders } from '../common/concept-providers.js';
import { DeviceIdCookie } from './device-id-cookie.js';
import { KnownDevices } from './known-devices.js';
import { RefreshCookie } from './refresh-cookie.js';

export const cookieProviders: ConceptProviders = {
  exported: [RefreshCookie],
  internal: [DeviceIdCookie, KnownDevices],
};
