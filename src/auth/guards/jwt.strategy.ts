import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { Strategy, type StrategyOptionsWithRequest } from 'passport-jwt';
import { AccessTokenConfig } from '../access-token/access-token-options.js';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { presentedAccessToken } from '../access-token/presented-access-token.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';
import { AuthRegistration } from '../modules/auth-registration.js';

/**
 * What `JwtAuthGuard` does, for hosts that compose Passport strategies: `@UseGuards(AuthGuard(['jwt', 'api-key']))`.
 * passport-jwt checks the signature; the last word has `AccessTokenService.verify`, as in the guard. Passport gives a strategy no
 * response: on Fastify the headers of a refusal are set by `AuthExceptionFilter`.
 */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
    private readonly tls: TlsConfig,
    { issuer, audience }: AccessTokenConfig,
    registration: AuthRegistration,
  ) {
    super({
      jwtFromRequest: (request: unknown) => presentedAccessToken(request as HttpRequest)?.token ?? null,
      secretOrKeyProvider: (_request, token: string, done) => {
        const options = accessTokens.verifyOptionsFor(token);
        done(options ? null : new Error('not a header of ours'), options?.publicKey);
      },
      algorithms: ['HS256'],
      issuer,
      audience,
      ignoreExpiration: true,
      passReqToCallback: true,
    } satisfies StrategyOptionsWithRequest);
    passport.use(registration.strategyName('jwt'), this);
  }

  /** It is registered by the constructor, under a name that the mixin does not know. */
  protected getPassportInstance() {
    return { use: () => undefined };
  }

  async validate(request: HttpRequest): Promise<AuthenticatedUser> {
    assertTls(request, this.tls);
    const presented = presentedAccessToken(request)!;
    try {
      const user = this.accessTokens.verify(presented.token);
      answerWith(request, await this.possession.prove(user, presented, request));
      return user;
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      const refusal = error.atResource(presented.scheme);
      answerWith(request, refusal.headers);
      throw refusal;
    }
  }
}

/** Express lets a request find its response. */
function answerWith(request: HttpRequest & { res?: HttpResponse }, headers: Readonly<Record<string, string>>): void {
  for (const name in headers) request.res?.header(name, headers[name]);
}
