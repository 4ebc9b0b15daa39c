import { SetMetadata } from '@nestjs/common';

export const ROLES = 'nestjs-refresh-token:roles';

/**
 * Requires one of these roles. `RolesGuard` checks it, and throws `forbidden` if the user has none of them.
 *
 * @param roles the user needs at least one of them
 * @example
 * @UseGuards(JwtAuthGuard, RolesGuard)
 * @Roles('admin')
 * @Get('users')
 * list() {}
 */
export const Roles = (...roles: string[]) => SetMetadata(ROLES, roles);
