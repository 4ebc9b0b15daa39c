import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import { AuthError, type AuthenticatedUser, CurrentUser, StepUp, RefreshTokenService } from 'nestjs-refresh-token';
import { UsersService } from '../users/users.service.js';

class PasswordDto {
  @IsString()
  @Length(1, 1024)
  current: string;

  @IsString()
  @Length(8, 1024)
  next: string;
}

/** The routes for every signed-in user. */
@Controller('profile')
@ApiBearerAuth()
export class ProfileController {
  constructor(
    private readonly users: UsersService,
    private readonly refreshTokens: RefreshTokenService,
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

  /** A new password ends the user's sessions on all other devices. */
  @Post('password')
  @HttpCode(204)
  async changePassword(@CurrentUser() user: AuthenticatedUser, @Body() { current, next }: PasswordDto): Promise<void> {
    const changed = await this.users.changePassword(user.id, current, next, (manager) =>
      this.refreshTokens.revokeAllOfUser(user.id, 'password_changed', { exceptSessionId: user.sessionId, manager }),
    );
    if (!changed) throw new AuthError('invalid_credentials');
  }
}
