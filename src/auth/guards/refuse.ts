import type { ExecutionContext } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import type { AuthError } from '../common/errors/auth-error.js';
import type { HttpResponse } from '../common/request/http-request.js';

/** Refuses a user whose access token is valid, with a challenge in its scheme. */
export function refuse(context: ExecutionContext, { confirmation }: AuthenticatedUser, error: AuthError): never {
  const refusal = error.atResource(confirmation?.jkt === undefined ? 'Bearer' : 'DPoP');
  if (context.getType() === 'http') {
    // Set here, because a filter of the application may answer.
    context.switchToHttp().getResponse<HttpResponse>().header('WWW-Authenticate', refusal.challenge!);
  }
  throw refusal;
}
