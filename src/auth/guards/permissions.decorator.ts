import { atLeastOne, texts } from '../common/options/checks.js';
import { requiringAll } from './requiring.js';

export const PERMISSIONS = 'nestjs-refresh-token:permissions';

const permissionList = atLeastOne(texts('users:write'));

/**
 * Requires all of these permissions. `PermissionsGuard` checks it, and throws `forbidden` if the user lacks one.
 *
 * @param permissions the user needs every one of them, and those of a second `@Permissions()`
 * @throws AuthConfigurationError when the class is loaded, if none is named
 * @example
 * @UseGuards(JwtAuthGuard, PermissionsGuard)
 * @Permissions('users:write')
 * @Delete('users/:id')
 * remove() {}
 */
export const Permissions = (...permissions: string[]) =>
  requiringAll(PERMISSIONS, permissionList('@Permissions()', permissions));
