/**
 * How a session is bound to its client:
 *
 * - `dpop`: to a key, by proofs of possession (RFC 9449);
 * - `tls`: to a TLS client certificate (RFC 8705);
 * - `nonce`: to a second secret that is kept apart from the refresh token.
 *
 * The client nonce (`client_nonce` on the wire) stays the same for the life of the session. The DPoP nonce is different
 * (header `DPoP-Nonce`, RFC 9449 §8). The server changes it every few minutes, so that a client cannot make proofs in
 * advance.
 */
export type BindingKind = 'dpop' | 'tls' | 'nonce';

export const BINDING_KINDS: readonly BindingKind[] = ['dpop', 'tls', 'nonce'];
