/**
 * In what way a session is bound to its client: to a key by proofs of possession (`dpop`, RFC 9449), to a TLS client
 * certificate (`tls`, RFC 8705), or to a second secret that is kept apart from the refresh token (`nonce`).
 *
 * The client nonce (`client_nonce` on the wire) stays the same for the session's life. The DPoP nonce (header `DPoP-Nonce`,
 * RFC 9449 §8) is another thing: the server changes it every few minutes, so that no proof can be made in advance.
 */
export type BindingKind = 'dpop' | 'tls' | 'nonce';

export const BINDING_KINDS: readonly BindingKind[] = ['dpop', 'tls', 'nonce'];
