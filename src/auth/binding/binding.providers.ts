import type { ConceptProviders } from '../common/concept-providers.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import { BindingConfig } from './binding-options.js';
import { DpopNonces } from './dpop/dpop-nonces.js';
import { DpopVerifier } from './dpop/dpop-verifier.js';
import { ProofReplay } from './dpop/proof-replay.js';
import { ReplayFallback } from './dpop/replay-fallback.js';
import { UsedDpopProofStore } from './dpop/used-dpop-proof.store.js';
import { PresentedBinding } from './presented-binding.js';
import { SessionBindings } from './session-bindings.js';
import { ClientCertificates } from './tls/client-certificates.js';
import { ForwardedCertificates } from './tls/forwarded-certificates.js';

export const bindingProviders: ConceptProviders = {
  exported: [DpopVerifier, PresentedBinding],
  internal: [
    // Its options are at `binding.fingerprint`.
    {
      provide: DeviceRecognition,
      useFactory: ({ fingerprint }: BindingConfig) => new DeviceRecognition(fingerprint),
      inject: [BindingConfig],
    },
    ClientCertificates,
    DpopNonces,
    ForwardedCertificates,
    ProofReplay,
    ReplayFallback,
    SessionBindings,
    UsedDpopProofStore,
  ],
};
