import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import { scopesIn } from '../common/options/scopes.js';
import { refuse } from './refuse.js';
import { holds, Requirement } from './requirement.js';
import { SCOPES } from './scopes.decorator.js';

/**
 * Lets a request pass whose access token has all scopes of `@Scopes(…)`. A client gets the scopes that it asks for at
 * its login, if `refreshToken.scopes` lists them. It must run after `JwtAuthGuard`, as `RolesGuard` must.
 *
 * @throws AuthError `insufficient_scope` if a scope is missing, with the challenge of RFC 6750 §3.1
 * @throws AuthError `unauthorized` if no earlier guard has found a user
 * @example
 * @UseGuards(JwtAuthGuard, ScopesGuard)
 * @Scopes('orders:read')
 * @Get('orders')
 * list() {}
 */
@Injectable()
export class ScopesGuard implements CanActivate {
  private readonly requirement = new Requirement<string[]>(SCOPES, ScopesGuard.name);

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const found = this.requirement.of(context, this.reflector);
    if (!found) return true;
    const { asked, user } = found;
    const { scope } = user as { scope: unknown };
    const granted = typeof scope === 'string' && scopesIn(scope);
    if (asked.every((one) => holds(granted, one))) return true;
    return refuse(context, user, new AuthError('insufficient_scope', undefined, { scope: asked.join(' ') }));
  }
}
