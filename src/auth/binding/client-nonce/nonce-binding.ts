import { createHmac, randomBytes } from 'node:crypto';
import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import type { Keys } from '../../common/crypto/key-ring.js';
import type { BindingMethod } from '../binding-method.js';

/**
 * Binds a session to a client nonce: a second secret of 256 random bits, issued at login and kept apart from the
 * refresh token. It never changes, so it is not a proof of possession. But a refresh token that leaks from a log or a
 * backup is useless without it.
 */
export const nonceBinding: BindingMethod = {
  kind: 'nonce',
  provesKey: false,
  isBound: ({ clientNonceHash }) => clientNonceHash !== null,
  bind(sessionId, keys) {
    const clientNonce = randomBytes(32).toString('base64url');
    return { columns: { clientNonceHash: hashClientNonce(clientNonce, sessionId, keys) }, clientNonce };
  },
  holds({ id, transport, clientNonceHash }, keys, { clientNonce }) {
    const brought = clientNonce?.[transport];
    return brought !== undefined && equalInConstantTime(hashClientNonce(brought, id, keys), clientNonceHash!);
  },
};

/** The keyed hash that the row stores. It depends on the session. */
export function hashClientNonce(clientNonce: string, sessionId: string, keys: Keys): string {
  return createHmac('sha256', keys.hash).update(`client-nonce ${sessionId} ${clientNonce}`).digest('base64url');
}
