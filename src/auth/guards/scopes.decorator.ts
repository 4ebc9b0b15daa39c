import { atLeastOne } from '../common/options/checks.js';
import { scopeList } from '../common/options/scopes.js';
import { requiringAll } from './requiring.js';

export const SCOPES = 'nestjs-refresh-token:scopes';

const neededScopes = atLeastOne(scopeList);

/**
 * Requires all of these scopes in the access token. `ScopesGuard` checks it, and throws `insufficient_scope` if one is
 * missing.
 *
 * @param scopes the access token needs every one of them, and those of a second `@Scopes()`; list them in the option `refreshToken.scopes`
 * @throws AuthConfigurationError when the class is loaded, if none is named, or if one is not a scope (RFC 6749 §3.3)
 * @example
 * @UseGuards(JwtAuthGuard, ScopesGuard)
 * @Scopes('orders:read')
 * @Get('orders')
 * list() {}
 */
export const Scopes = (...scopes: string[]) => requiringAll(SCOPES, neededScopes('@Scopes()', scopes));
