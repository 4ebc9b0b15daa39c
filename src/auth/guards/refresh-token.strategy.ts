import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import type { HttpRequest } from '../common/request/http-request.js';
import { AuthRegistration } from '../modules/auth-registration.js';
import { PresentedRefreshToken } from './presented-refresh-token.js';

type Verify = (request: HttpRequest, done: (error: unknown, user?: object) => void) => void;

/** The least that Passport takes for a strategy. */
class RequestStrategy extends passport.Strategy {
  constructor(private readonly verify: Verify) {
    super();
  }

  override authenticate(request: unknown): void {
    this.verify(request as HttpRequest, (error, user) => (user ? this.success(user) : this.error(error)));
  }
}

/**
 * What `RefreshTokenGuard` does, for hosts that compose Passport strategies: `@UseGuards(AuthGuard('refresh-token'))`,
 * after which `request.user` is `{ refreshToken }`.
 */
@Injectable()
export class RefreshTokenStrategy extends PassportStrategy(RequestStrategy) {
  constructor(
    private readonly presented: PresentedRefreshToken,
    registration: AuthRegistration,
  ) {
    super();
    passport.use(registration.strategyName('refresh-token'), this);
  }

  /** It is registered by the constructor, under a name that the mixin does not know. */
  protected getPassportInstance() {
    return { use: () => undefined };
  }

  validate(request: HttpRequest): { refreshToken: string } {
    return { refreshToken: this.presented.require(request).text };
  }
}
