import { Body, Controller, Delete, Get, HttpCode, Param, Put, UseGuards } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsBoolean, IsString, Length } from 'class-validator';
import { type AuthenticatedUser, CurrentUser, RefreshTokenService, Roles, RolesGuard } from 'nestjs-refresh-token';
import { UsernamePipe } from '../users/username.pipe.js';
import { UsersService } from '../users/users.service.js';

class RolesDto {
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  roles: string[];
}

class DisabledDto {
  @IsBoolean()
  disabled: boolean;
}

/** The routes for administrators. */
@Controller('admin/users')
@UseGuards(RolesGuard)
@Roles('admin')
@ApiBearerAuth()
export class AdminController {
  constructor(
    private readonly users: UsersService,
    private readonly refreshTokens: RefreshTokenService,
  ) {}

  @Get()
  list() {
    return this.users.list();
  }

  /** Takes effect on existing access tokens, too. */
  @Put(':username/roles')
  @HttpCode(204)
  async setRoles(
    @Param('username', UsernamePipe) username: string,
    @Body() { roles }: RolesDto,
    @CurrentUser() { id: actor }: AuthenticatedUser,
  ): Promise<void> {
    const id = await this.users.idOf(username);
    await this.users.update(id, { roles });
    await this.refreshTokens.permissionsChanged(id, { actor });
  }

  /** Disabling a user ends all their sessions. Enabling does not bring them back. */
  @Put(':username/disabled')
  @HttpCode(204)
  async setDisabled(
    @Param('username', UsernamePipe) username: string,
    @Body() { disabled }: DisabledDto,
    @CurrentUser() { id: actor }: AuthenticatedUser,
  ): Promise<void> {
    const id = await this.users.idOf(username);
    await this.users.update(id, { disabled });
    if (disabled) await this.refreshTokens.revokeAllOfUser(id, 'user_unavailable', { actor });
  }

  @Delete(':username/sessions')
  @HttpCode(204)
  async endSessions(
    @Param('username', UsernamePipe) username: string,
    @CurrentUser() { id: actor }: AuthenticatedUser,
  ): Promise<void> {
    await this.refreshTokens.revokeAllOfUser(await this.users.idOf(username), 'ended_by_admin', { actor });
  }
}
