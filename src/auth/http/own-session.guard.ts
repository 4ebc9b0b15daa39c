import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { impersonatedRefusal } from '../access-token/impersonated-refusal.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import type { HttpRequest } from '../common/request/http-request.js';

/** An administrator who acts as a user may change and end this session only, and none of the user's own. */
@Injectable()
export class OwnSessionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { user, params } = context.switchToHttp().getRequest<HttpRequest>();
    const { actor, sessionId } = user as AuthenticatedUser;
    const { id } = params as { id?: string };
    if (actor && id?.toLowerCase() !== sessionId) throw impersonatedRefusal();
    return true;
  }
}
