import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { requestOf } from '../common/request/request-of.js';

/**
 * Parameter decorator: the {@link AuthenticatedUser} that `JwtAuthGuard` read from the access token. `undefined` if no
 * guard has run.
 *
 * @example
 * @UseGuards(JwtAuthGuard)
 * @Get('profile')
 * profile(@CurrentUser() user: AuthenticatedUser) {
 *   return user.id;
 * }
 */
export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) => requestOf(context)?.user);
