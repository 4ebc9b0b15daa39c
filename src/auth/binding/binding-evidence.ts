import { type DeviceSignals } from '../device/device-options.js';
import type { DpopProof } from './dpop/dpop-proof.js';

/** What a request has brought to show that it comes from where its session is bound to. Found by {@link PresentedBinding}. */
export interface BindingEvidence {
  /** A proof of possession that has been found valid for this request, though it may have been used before. */
  readonly dpop?: DpopProof;
  /** Of the TLS client certificate: base64url of SHA-256, the `x5t#S256` of RFC 8705 §3.1. */
  readonly certificateThumbprint?: string;
  /** Where the client nonce stood: a session knows one place only. */
  readonly clientNonce?: { readonly body?: string; readonly cookie?: string };
  /** A page of another site made the browser send the request. It may not refresh a session whose token is in a cookie. */
  readonly crossSite?: boolean;
  /** What the device looks like; `undefined` where devices are not recognised. */
  readonly signals?: DeviceSignals;
}
