import { Controller, Get, UseGuards } from '@nestjs/common';
import { type AuthenticatedUser, CurrentUser, JwtAuthGuard, Roles, RolesGuard } from 'nestjs-refresh-token';

/** A guarded controller of a host: for any user, and for a role. */
@Controller('orders')
@UseGuards(JwtAuthGuard, RolesGuard)
export class Orders {
  @Get()
  mine(@CurrentUser() user: AuthenticatedUser) {
    return { of: user.id };
  }

  @Roles('admin')
  @Get('all')
  all() {
    return [];
  }
}
