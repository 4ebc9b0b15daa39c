import { Controller, Delete, Get, HttpCode, Param, Req, UseFilters, UseGuards } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { CurrentUser } from '../guards/current-user.decorator.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { NoStore } from './no-store.decorator.js';
import { type SessionResponse, sessionResponse } from './token-response.js';

/** Lists and ends the sessions of the signed-in user. */
@Controller('auth/sessions')
@UseFilters(AuthRouteFilter)
@UseGuards(JwtAuthGuard)
export class SessionsController {
  constructor(private readonly refreshTokens: RefreshTokenService) {}

  @Get()
  @NoStore()
  async list(@CurrentUser() user: AuthenticatedUser): Promise<SessionResponse[]> {
    const sessions = await this.refreshTokens.list(user.id);
    return sessions.map((session) => sessionResponse(session, user.sessionId));
  }

  @Delete(':id')
  @HttpCode(204)
  @NoStore()
  async end(
    @Param('id') id: string,
    @CurrentUser() user: AuthenticatedUser,
    @Req() request: HttpRequest,
  ): Promise<void> {
    const own = { userId: user.id, ...clientContextOf(request) };
    const ended = isUUID(id) && (await this.refreshTokens.revoke(id, 'ended_by_user', own));
    if (!ended) throw new AuthError('not_found', 'There is no such session.');
  }
}
