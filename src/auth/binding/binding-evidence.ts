import { type DeviceSignals } from '../device/device-options.js';
import type { DpopProof } from './dpop/dpop-proof.js';

/**
 * The evidence in a request that it comes from the client to which its session is bound. {@link PresentedBinding} finds
 * it.
 */
export interface BindingEvidence {
  /** A DPoP proof that is valid for this request. It may have been used before. */
  readonly dpop?: DpopProof;
  /** The thumbprint of the TLS client certificate: base64url of SHA-256, the `x5t#S256` of RFC 8705 §3.1. */
  readonly certificateThumbprint?: string;
  /** The client nonce, by the place where the request carries it. A session accepts it from one place only. */
  readonly clientNonce?: { readonly body?: string; readonly cookie?: string };
  /**
   * Whether a page of another site made the browser send the request. Such a request cannot refresh a session whose
   * token is in a cookie.
   */
  readonly crossSite?: boolean;
  /** The signals of the device; `undefined` if device recognition is off. */
  readonly signals?: DeviceSignals;
}
