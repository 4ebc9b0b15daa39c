import { AuthError, type AuthErrorCode } from 'nestjs-refresh-token';
import { expect, test } from 'vitest';
import { closeSocket } from '../../src/auth/sockets/closable-socket.js';

test.each<[AuthErrorCode, number]>([
  ['unauthorized', 4401],
  ['invalid_token', 4401],
  ['token_revoked', 4401],
  ['token_expired', 4403],
  ['token_stale', 4403],
  ['use_dpop_nonce', 4403],
  ['invalid_dpop_proof', 4403],
  ['temporarily_unavailable', 1013],
  ['server_error', 1013],
])('a socket is closed for %s with %d', (error, code) => {
  const closed: unknown[] = [];
  closeSocket({ close: (...given) => void closed.push(given), once: () => undefined }, new AuthError(error));
  expect(closed).toEqual([[code, error]]);
});
