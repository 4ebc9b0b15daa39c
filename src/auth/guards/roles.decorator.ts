import { SetMetadata } from '@nestjs/common';

export const ROLES = 'nestjs-refresh-token:roles';

/**
 * Any one of these roles is needed; checked by `RolesGuard`.
 *
 * @example
 * @UseGuards(JwtAuthGuard, RolesGuard)
 * @Roles('admin')
 * @Get('users')
 * list() {}
 */
export const Roles = (...roles: string[]) => SetMetadata(ROLES, roles);
