import type { ExecutionContext } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { impersonatedRefusal } from '../access-token/impersonated-refusal.js';
import { refuse } from './refuse.js';

/** The authentication that a route asks for (RFC 9470 §3). */
export interface RequiredAuthentication {
  /** Milliseconds since the authentication, at most. */
  readonly maxAge?: number;
  /** Its class is one of these. */
  readonly acr?: readonly string[];
}

/**
 * @throws AuthError `insufficient_user_authentication` if the last authentication is too old, or of another class
 * @throws AuthError `forbidden` if somebody acts as the user: the user has authenticated nothing there
 */
export function assertAuthenticated(
  { maxAge, acr }: RequiredAuthentication,
  user: AuthenticatedUser,
  now: number,
  context: ExecutionContext,
): void {
  if (user.actor) throw impersonatedRefusal();
  const isRecent = maxAge === undefined || now - user.authTime * 1000 <= maxAge;
  const isOfClass = acr === undefined || (user.acr !== undefined && acr.includes(user.acr));
  if (isRecent && isOfClass) return;
  const details = { maxAge: maxAge === undefined ? undefined : maxAge / 1000, acrValues: acr?.join(' ') };
  refuse(context, user, new AuthError('insufficient_user_authentication', undefined, details));
}
