import type { ExecutionContext } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { refuse } from './refuse.js';

/**
 * @param maxAge milliseconds
 * @throws AuthError `insufficient_user_authentication` if the last authentication is too long ago (RFC 9470 §3)
 */
export function assertAuthenticatedWithin(
  maxAge: number,
  user: AuthenticatedUser,
  now: number,
  context: ExecutionContext,
): void {
  if (now - user.authTime * 1000 <= maxAge) return;
  refuse(context, user, new AuthError('insufficient_user_authentication', undefined, { maxAge: maxAge / 1000 }));
}
