import type { DpopProof } from './dpop/dpop-proof.js';

/** What a request has brought to show that it comes from where its session is bound to. Found by {@link PresentedBinding}. */
export interface BindingEvidence {
  /** A proof of possession that has been found valid for this request, though it may have been used before. */
  readonly dpop?: DpopProof;
  /** Of the TLS client certificate: base64url of SHA-256, the `x5t#S256` of RFC 8705 §3.1. */
  readonly certificateThumbprint?: string;
  /** Where the client nonce stood: a session knows one place only. */
  readonly clientNonce?: { readonly body?: string; readonly cookie?: string };
  /** What the device looks like; `undefined` where devices are not recognised. */
  readonly signals?: DeviceSignals;
}

/** The signals of a device, by the names that the options give them. */
export type DeviceSignals = Readonly<Record<string, string | undefined>>;
