import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { requestOf } from '../common/request/request-of.js';

/**
 * The {@link AuthenticatedUser} whom `JwtAuthGuard` found in the access token.
 *
 * @example
 * @UseGuards(JwtAuthGuard)
 * @Get('profile')
 * profile(@CurrentUser() user: AuthenticatedUser) {
 *   return user.id;
 * }
 */
export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) => requestOf(context)?.user);
