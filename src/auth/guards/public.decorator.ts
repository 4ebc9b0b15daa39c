import { SetMetadata } from '@nestjs/common';

export const IS_PUBLIC = 'nestjs-refresh-token:public';

/**
 * Exempts a route or a controller from a `JwtAuthGuard` that is set at a higher level, for example globally.
 *
 * @example
 * @Public()
 * @Get('health')
 * health() {}
 */
export const Public = () => SetMetadata(IS_PUBLIC, true);
