import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService, type JwtSignOptions, type JwtVerifyOptions } from '@nestjs/jwt';
import { LRUCache } from 'lru-cache';
import { KeyRing, type Keys } from '../common/crypto/key-ring.js';
import { sha256 } from '../common/crypto/sha256.js';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import { RevocationList } from '../revocation/revocation-list.js';
import type { AuthUser } from '../user/user-provider.js';
import { AccessTokenConfig } from './access-token-options.js';
import type { AccessTokenClaims, AuthenticatedUser, Confirmation } from './authenticated-user.js';

/** The session that an access token is minted for. */
export interface AccessTokenSession {
  readonly id: string;
  readonly clientId: string;
  readonly scope: string;
  readonly generation: number;
  /** The absolute end, in milliseconds. */
  readonly expiresAt: number;
  /** When the user last authenticated, in milliseconds; now, where it is not said. */
  readonly authTime?: number;
  /** The key that the token is bound to (RFC 9449 §6). */
  readonly dpopThumbprint?: string | null;
  /** The TLS client certificate that the token is bound to (RFC 8705 §3.1). */
  readonly certificateThumbprint?: string | null;
}

export interface MintedAccessToken {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
}

const ALGORITHM = 'HS256';

/**
 * Mints and verifies access tokens: JWTs after RFC 9068, `typ: at+jwt`.
 *
 * The header of every token that we mint is known beforehand, so a token is verified only if its header is one of these,
 * exactly: that pins algorithm, type and key, and leaves no room for `crit`, `jku` or `jwk` (RFC 8725 §3).
 */
@Injectable()
export class AccessTokenService {
  private readonly signOptions: JwtSignOptions;
  private readonly verifyOptionsByHeader: ReadonlyMap<string, JwtVerifyOptions>;
  private readonly verified: LRUCache<string, AuthenticatedUser> | undefined;

  constructor(
    private readonly jwt: JwtService,
    private readonly clock: Clock,
    private readonly list: RevocationList,
    private readonly feed: RevocationFeed,
    private readonly config: AccessTokenConfig,
    keyRing: KeyRing,
  ) {
    this.signOptions = signOptionsOf(keyRing.current);
    this.verifyOptionsByHeader = new Map(
      keyRing.all.map((keys) => [headerOfToken(this.jwt.sign({}, signOptionsOf(keys))), this.verifyOptionsOf(keys)]),
    );
    const { cacheSize } = config;
    this.verified = cacheSize > 0 ? new LRUCache({ max: cacheSize }) : undefined;
  }

  /** @param cookieNonce the client nonce, where guarded routes are to see its cookie */
  mint(user: AuthUser, session: AccessTokenSession, cookieNonce?: string): MintedAccessToken {
    const now = this.clock.now();
    const issuedAt = seconds(now);
    const expiresAt = seconds(Math.min(now + this.config.ttl, session.expiresAt));
    const claims: AccessTokenClaims = {
      iss: this.config.issuer,
      aud: this.config.audience,
      sub: user.id,
      client_id: session.clientId,
      iat: issuedAt,
      exp: expiresAt,
      jti: randomUUID(),
      auth_time: seconds(session.authTime ?? now),
      sid: session.id,
      gen: session.generation,
      scope: session.scope,
      roles: user.roles,
      permissions: user.permissions ?? [],
      cnf: confirmationOf(session, cookieNonce),
    };
    return { accessToken: this.jwt.sign(claims, this.signOptions), expiresIn: Math.max(0, expiresAt - issuedAt) };
  }

  /**
   * The user whom the token shows. Asks no database: whether the session was revoked, or its permissions have changed, is
   * known from memory.
   *
   * @throws AuthError `invalid_token`, `token_expired`, `token_revoked`, `token_stale`, `temporarily_unavailable`
   */
  verify(token: string): AuthenticatedUser {
    const user = this.identify(token);
    this.assertNotRevoked(user);
    return user;
  }

  /**
   * Whether the token that showed this user is still good, where it was verified before: on a socket that has stayed open.
   *
   * @throws AuthError `token_expired`, `token_revoked`, `token_stale`, `temporarily_unavailable`
   */
  assertLive(user: AuthenticatedUser): void {
    this.assertNotExpired(user);
    this.assertNotRevoked(user);
  }

  /**
   * The user whom the token shows, be the session revoked or not: enough to end it.
   *
   * @throws AuthError `invalid_token`, `token_expired`
   */
  identify(token: string): AuthenticatedUser {
    let user = this.verified?.get(token);
    if (!user) {
      user = this.verifySignature(token);
      this.verified?.set(token, user);
    }
    this.assertNotExpired(user);
    return user;
  }

  /** Key and pinned options for a token whose header is one of ours. */
  verifyOptionsFor(token: string): JwtVerifyOptions | undefined {
    return this.verifyOptionsByHeader.get(headerOfToken(token));
  }

  private assertNotExpired({ expiresAt }: AuthenticatedUser): void {
    if (this.clock.now() >= expiresAt * 1000 + this.config.clockTolerance) {
      throw new AuthError('token_expired');
    }
  }

  private assertNotRevoked({ sessionId, generation }: AuthenticatedUser): void {
    this.feed.assertFresh();
    this.list.check(sessionId, generation);
  }

  private verifySignature(token: string): AuthenticatedUser {
    const options = this.verifyOptionsFor(token);
    if (!options) throw new AuthError('invalid_token');
    let claims: AccessTokenClaims;
    try {
      claims = this.jwt.verify<AccessTokenClaims>(token, options);
    } catch {
      throw new AuthError('invalid_token');
    }
    // Remembered, and so shared by the requests that bring this token: none may change it.
    return Object.freeze({
      id: claims.sub,
      roles: Object.freeze(claims.roles),
      permissions: Object.freeze(claims.permissions),
      sessionId: claims.sid,
      clientId: claims.client_id,
      scope: claims.scope,
      generation: claims.gen,
      expiresAt: claims.exp,
      authTime: claims.auth_time,
      confirmation: claims.cnf && Object.freeze(claims.cnf),
    });
  }

  private verifyOptionsOf(keys: Keys): JwtVerifyOptions {
    const { issuer, audience } = this.config;
    // Expiry is checked by `verify`, by our clock, and for remembered tokens too.
    // The types of @nestjs/jwt do not know KeyObject; jsonwebtoken, which gets it, does.
    const publicKey = keys.accessToken as unknown as Buffer;
    return { publicKey, algorithms: [ALGORITHM], issuer, audience, ignoreExpiration: true };
  }
}

function signOptionsOf(keys: Keys): JwtSignOptions {
  return {
    privateKey: keys.accessToken,
    algorithm: ALGORITHM,
    keyid: keys.id,
    header: { alg: ALGORITHM, typ: 'at+jwt' },
  };
}

/** `undefined`, and so no claim, for a session that is bound to no key. */
function confirmationOf(
  { dpopThumbprint, certificateThumbprint }: AccessTokenSession,
  cookieNonce: string | undefined,
): Confirmation | undefined {
  if (!dpopThumbprint && !certificateThumbprint && cookieNonce === undefined) return undefined;
  return {
    ...(dpopThumbprint && { jkt: dpopThumbprint }),
    ...(certificateThumbprint && { 'x5t#S256': certificateThumbprint }),
    ...(cookieNonce !== undefined && { 'nonce#S256': sha256(cookieNonce) }),
  };
}

function headerOfToken(token: string): string {
  return token.slice(0, token.indexOf('.'));
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
