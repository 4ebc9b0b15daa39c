import { Injectable } from '@nestjs/common';
import { AccessTokenService } from '../access-token/access-token.service.js';
import { BindingConfig } from '../binding/binding-options.js';
import { scopesIn } from '../common/options/scopes.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { AuthUser } from '../user/user-provider.js';
import { idleTimeOf } from './refresh-rule.js';
import { type DecodedRefreshToken, RefreshTokenCodec } from './refresh-token.codec.js';

/** Builds the response to a login or a refresh from the row and the live token. */
@Injectable()
export class TokenIssuer {
  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly codec: RefreshTokenCodec,
    private readonly config: RefreshTokenConfig,
    private readonly bindingConfig: BindingConfig,
  ) {}

  tokensOf(
    session: RefreshToken,
    token: DecodedRefreshToken,
    user: AuthUser,
    clientNonce: string | undefined,
  ): IssuedTokens {
    const cookieNonce = this.bindingConfig.nonceAtResources && session.transport === 'cookie' ? clientNonce : undefined;
    const scope = this.stillGranted(session);
    return {
      ...this.accessTokens.mint(user, { ...session, scope }, cookieNonce),
      tokenType: session.dpopThumbprint === null ? 'Bearer' : 'DPoP',
      scope,
      sessionId: session.id,
      generation: token.generation,
      refreshToken: this.codec.encode(token),
      transport: session.transport,
      refreshTokenExpiresAt: Math.min(session.expiresAt, session.lastUsedAt + idleTimeOf(session, this.config)),
      persistent: session.persistent ?? true,
      clientNonce,
    };
  }

  /** The host may have removed scopes from its configuration since the login. */
  private stillGranted({ scope }: RefreshToken): string {
    return scopesIn(scope)
      .filter((one) => this.config.scopes.includes(one))
      .join(' ');
  }
}
