import { Body, Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import {
  AuthError,
  type AuthenticatedUser,
  AuthRoute,
  clientContextOf,
  CurrentUser,
  RefreshTokenService,
  StepUp,
  StepUpService,
} from 'nestjs-refresh-token';
import { UsersService } from '../users/users.service.js';

class PasswordDto {
  @IsString()
  @Length(1, 1024)
  current: string;

  @IsString()
  @Length(8, 1024)
  next: string;
}

type Request = Parameters<typeof clientContextOf>[0];

/** The routes for every signed-in user. */
@Controller('profile')
@ApiBearerAuth()
export class ProfileController {
  constructor(
    private readonly users: UsersService,
    private readonly refreshTokens: RefreshTokenService,
    private readonly stepUps: StepUpService,
  ) {}

  /** Answers from the access token alone, without a database query. */
  @Get()
  profile(@CurrentUser() { id, roles }: AuthenticatedUser) {
    return { id, roles };
  }

  /** The user's name; `null` if the user has been deleted. */
  @Get('name')
  async name(@CurrentUser() { id }: AuthenticatedUser) {
    return { username: await this.users.nameOf(id) };
  }

  /** All data about the user. Requires a recent authentication. */
  @Get('export')
  @StepUp('5m')
  async export(@CurrentUser() { id, roles }: AuthenticatedUser) {
    return { id, roles, sessions: await this.refreshTokens.list(id) };
  }

  /**
   * A new password ends the user's sessions on all other devices. With a stolen session one could guess the current
   * password here, so it has the limits of a step-up.
   */
  @Post('password')
  @AuthRoute('step-up')
  @HttpCode(204)
  async changePassword(
    @CurrentUser() user: AuthenticatedUser,
    @Body() { current, next }: PasswordDto,
    @Req() request: Request,
  ): Promise<void> {
    const checked = await this.stepUps.reauthenticate(user, current, clientContextOf(request));
    const changed = await this.users.changePassword(checked, next, (manager) =>
      this.refreshTokens.revokeAllOfUser(user.id, 'password_changed', { exceptSessionId: user.sessionId, manager }),
    );
    if (!changed) throw new AuthError('invalid_credentials');
  }
}
