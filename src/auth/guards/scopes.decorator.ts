import { SetMetadata } from '@nestjs/common';
import { atLeastOne } from '../common/options/checks.js';
import { scopeList } from '../common/options/scopes.js';

export const SCOPES = 'nestjs-refresh-token:scopes';

const neededScopes = atLeastOne(scopeList);

/**
 * Requires all of these scopes in the access token. `ScopesGuard` checks it, and throws `insufficient_scope` if one is
 * missing.
 *
 * @param scopes the access token needs every one of them; list them in the option `refreshToken.scopes`
 * @throws AuthConfigurationError when the class is loaded, if none is named, or if one is not a scope (RFC 6749 §3.3)
 * @example
 * @UseGuards(JwtAuthGuard, ScopesGuard)
 * @Scopes('orders:read')
 * @Get('orders')
 * list() {}
 */
export const Scopes = (...scopes: string[]) => SetMetadata(SCOPES, neededScopes('@Scopes()', scopes));
