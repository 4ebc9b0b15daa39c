import { SetMetadata } from '@nestjs/common';

export const IS_PUBLIC = 'nestjs-refresh-token:public';

/** Exempts a route, or a whole controller, from a `JwtAuthGuard` that is in force above it. */
export const Public = () => SetMetadata(IS_PUBLIC, true);
