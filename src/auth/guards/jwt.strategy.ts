import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy, type StrategyOptionsWithRequest } from 'passport-jwt';
import { AccessTokenConfig } from '../access-token/access-token-options.js';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { PresentedAccessTokens } from '../access-token/presented-access-tokens.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';
import { PassportStrategies } from './passport-strategies.js';

/**
 * The Passport strategy `nrt-jwt`, which checks the same as `JwtAuthGuard`. It is for applications that combine Passport
 * strategies. passport-jwt checks the signature; then `AccessTokenService.verify` decides, as in the guard. Passport
 * gives a strategy no response, so on Fastify `AuthExceptionFilter` sets the headers of a refusal.
 *
 * A stream behind `AuthGuard('nrt-jwt')` does not end with its access token. One behind `JwtAuthGuard` does.
 *
 * @throws AuthError the same errors as `JwtAuthGuard`
 * @example
 * @UseGuards(AuthGuard(['nrt-jwt', 'api-key']))
 * @Get('orders')
 * orders() {}
 */
@Injectable()
export class JwtStrategy<Claims extends object = Record<string, unknown>> extends PassportStrategy(Strategy) {
  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
    private readonly tls: TlsConfig,
    { issuer, audience }: AccessTokenConfig,
    strategies: PassportStrategies,
    private readonly presented: PresentedAccessTokens,
  ) {
    super({
      jwtFromRequest: (request: unknown) => presented.find(request as HttpRequest)?.token ?? null,
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
    strategies.use('jwt', this);
  }

  /** `PassportStrategies` registers the strategy, under a name that the mixin does not know. */
  protected getPassportInstance() {
    return { use: () => undefined };
  }

  /** Called by Passport after it has checked the signature. */
  async validate(request: HttpRequest): Promise<AuthenticatedUser<Claims>> {
    assertTls(request, this.tls);
    const presented = this.presented.find(request)!;
    try {
      const user = this.accessTokens.verify<Claims>(presented.token);
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

/** On Express, a request has a reference to its response. */
function answerWith(request: HttpRequest & { res?: HttpResponse }, headers: Readonly<Record<string, string>>): void {
  for (const name in headers) request.res?.header(name, headers[name]);
}
