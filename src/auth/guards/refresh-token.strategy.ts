import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import type { HttpRequest } from '../common/request/http-request.js';
import { PassportStrategies } from './passport-strategies.js';
import { PresentedRefreshToken } from './presented-refresh-token.js';

type Verify = (request: HttpRequest, done: (error: unknown, user?: object) => void) => void;

/** The smallest class that Passport accepts as a strategy. */
class RequestStrategy extends passport.Strategy {
  constructor(private readonly verify: Verify) {
    super();
  }

  override authenticate(request: unknown): void {
    this.verify(request as HttpRequest, (error, user) => (user ? this.success(user) : this.error(error)));
  }
}

/**
 * The Passport strategy `nrt-refresh-token`, which does the same as `RefreshTokenGuard`. It is for applications that
 * combine Passport strategies. It sets `request.user` to `{ refreshToken }`.
 *
 * @throws AuthError the same errors as `RefreshTokenGuard`
 * @example
 * @UseGuards(AuthGuard('nrt-refresh-token'))
 * @Post('renew')
 * renew(@CurrentUser() { refreshToken }: { refreshToken: string }) {}
 */
@Injectable()
export class RefreshTokenStrategy extends PassportStrategy(RequestStrategy) {
  constructor(
    private readonly presented: PresentedRefreshToken,
    strategies: PassportStrategies,
  ) {
    super();
    strategies.use('refreshToken', this);
  }

  /** `PassportStrategies` registers the strategy, under a name that the mixin does not know. */
  protected getPassportInstance() {
    return { use: () => undefined };
  }

  /** Called by Passport for each request. */
  validate(request: HttpRequest): { refreshToken: string } {
    return { refreshToken: this.presented.require(request).text };
  }
}
