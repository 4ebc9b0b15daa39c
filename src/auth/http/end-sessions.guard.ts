import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { Clock } from '../common/time/clock.js';
import { assertAuthenticated } from '../guards/required-authentication.js';
import { RefreshTokenConfig } from '../session/session-options.js';

/** Asks for a recent authentication before other sessions than that of the request end, if the host says so. */
@Injectable()
export class EndSessionsGuard implements CanActivate {
  constructor(
    private readonly config: RefreshTokenConfig,
    private readonly clock: Clock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const { stepUpToEndSessions: maxAge } = this.config;
    if (maxAge === undefined) return true;
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const user = request.user as AuthenticatedUser;
    const { id } = request.params as { id?: string };
    if (id?.toLowerCase() !== user.sessionId) assertAuthenticated({ maxAge }, user, this.clock.now(), context);
    return true;
  }
}
