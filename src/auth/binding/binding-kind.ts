/**
 * In what way a session is bound to its client: to a key by proofs of possession (`dpop`, RFC 9449), to a TLS client
 * certificate (`tls`, RFC 8705), or to a second secret that is kept apart from the refresh token (`nonce`).
 */
export type BindingKind = 'dpop' | 'tls' | 'nonce';

export const BINDING_KINDS: readonly BindingKind[] = ['dpop', 'tls', 'nonce'];
