/**
 * How a session is bound to its client:
 *
 * - `dpop`: to a key, by proofs of possession (RFC 9449).
 * - `tls`: to a TLS client certificate (RFC 8705).
 * - `nonce`: to a second secret that the client keeps apart from the refresh token.
 *
 * The client nonce (`client_nonce` on the wire) stays the same for the whole session. The DPoP nonce (header `DPoP-Nonce`, RFC 9449 §8)
 * is different: the server changes it every few minutes, so that nobody can make proofs in advance.
 */
export type BindingKind = 'dpop' | 'tls' | 'nonce';

export const BINDING_KINDS: readonly BindingKind[] = ['dpop', 'tls', 'nonce'];
