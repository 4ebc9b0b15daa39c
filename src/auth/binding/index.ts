// `nestjs-refresh-token/binding`: binds sessions to their clients, and recognises devices.
export type { BindingKind } from './binding-kind.js';
export { BindingOptions, ClientCertificateOptions, DpopOptions } from './binding-options.js';
export {
  type DeviceSignals,
  FingerprintOptions,
  type FingerprintPolicy,
  type FingerprintSignal,
} from '../device/device-options.js';
export type { BindingEvidence } from './binding-evidence.js';
export { PresentedBinding } from './presented-binding.js';
export type { DpopProof } from './dpop/dpop-proof.js';
export type { DpopReplayStore } from './dpop/dpop-replay-store.js';
export { DpopVerifier, type ProvenRequest } from './dpop/dpop-verifier.js';
export { browserFamily, clientHints, headerSignal, platform } from '../device/fingerprint-signals.js';
