// `nestjs-refresh-token/client/dpop`: binds the session to a key that never leaves the device.
export { dpop, type DpopOptions } from './dpop.js';
export type { DpopKey, ProvenRequest } from './dpop-key.js';
export type { DeviceKey, KeyStore } from './key-store.js';
