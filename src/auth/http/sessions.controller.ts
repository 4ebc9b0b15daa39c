import { Controller, Delete, Get, HttpCode, Patch, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { EndSessionsGuard } from './end-sessions.guard.js';
import { NoStore } from './no-store.decorator.js';
import { OwnSessionGuard } from './own-session.guard.js';
import { answerOnce } from './own-answer.js';
import { sessionDetailsOf } from './session-details-body.js';
import { sessionResponse } from './token-response.js';

/** Lists, describes and ends the sessions of the signed-in user. */
@Controller('auth/sessions')
@UseFilters(AuthRouteFilter)
@UseGuards(JwtAuthGuard)
export class SessionsController {
  constructor(private readonly refreshTokens: RefreshTokenService) {}

  @Get()
  @NoStore()
  list(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const { id, sessionId } = request.user as AuthenticatedUser;
      const sessions = await this.refreshTokens.list(id);
      return { body: sessions.map((session) => sessionResponse(session, sessionId)) };
    });
  }

  @Patch(':id')
  @HttpCode(204)
  @NoStore()
  @UseGuards(OwnSessionGuard)
  update(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const { id: userId } = request.user as AuthenticatedUser;
      const id = idIn(request);
      const details = sessionDetailsOf(request);
      const own = { userId, ...clientContextOf(request) };
      const isUpdated = isUUID(id) && (await this.refreshTokens.update(id, details, own));
      if (!isUpdated) throw noSuchSession();
      return {};
    });
  }

  @Delete(':id')
  @HttpCode(204)
  @NoStore()
  @UseGuards(OwnSessionGuard, EndSessionsGuard)
  end(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const { id: userId } = request.user as AuthenticatedUser;
      const id = idIn(request);
      const own = { userId, ...clientContextOf(request) };
      const ended = isUUID(id) && (await this.refreshTokens.revoke(id, 'ended_by_user', own));
      if (!ended) throw noSuchSession();
      return {};
    });
  }
}

/** The table has ids in lower case, and takes either (RFC 9562 §4). */
function idIn({ params }: HttpRequest): string {
  return (params as { id: string }).id.toLowerCase();
}

function noSuchSession(): AuthError {
  return new AuthError('not_found', 'There is no such session.');
}
