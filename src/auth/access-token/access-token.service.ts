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
import { isIdentified, userOf } from './access-token-claims.js';
import { AccessTokenConfig } from './access-token-options.js';
import type { AccessTokenClaims, AuthenticatedUser, Confirmation } from './authenticated-user.js';
import { jittered } from './jittered.js';

/** The session that an access token is minted for. */
export interface AccessTokenSession {
  readonly id: string;
  readonly clientId: string;
  readonly scope: string;
  readonly generation: number;
  /** The access floor of the session, read before the user was loaded. By default 0. */
  readonly accessFloor?: number;
  /** The absolute expiry of the session, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** The longest lifetime of the token in milliseconds, if it is shorter than `accessToken.ttl`. */
  readonly accessTokenTtl?: number | null;
  /** When the user last authenticated, in milliseconds since the Unix epoch. By default, now. */
  readonly authTime?: number;
  /** How the user authenticated then (RFC 8176), space-separated. */
  readonly amr?: string | null;
  /** The class of that authentication. */
  readonly acr?: string | null;
  /** The administrator who acts as the user. */
  readonly actor?: string | null;
  /** The key that the token is bound to (RFC 9449 §6). */
  readonly dpopThumbprint?: string | null;
  /** The TLS client certificate that the token is bound to (RFC 8705 §3.1). */
  readonly certificateThumbprint?: string | null;
}

/** A new access token. */
export interface MintedAccessToken {
  readonly accessToken: string;
  /** Lifetime in seconds. */
  readonly expiresIn: number;
}

const ALGORITHM = 'HS256';

/**
 * Mints and verifies access tokens: JWTs as in RFC 9068, `typ: at+jwt`.
 *
 * The service knows the exact header of every token that it mints, and accepts no other header. That fixes algorithm,
 * type and key, and excludes `crit`, `jku` and `jwk` (RFC 8725 §3).
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

  /** @param cookieNonce the client nonce, if guarded routes receive its cookie */
  mint(user: AuthUser, session: AccessTokenSession, cookieNonce?: string): MintedAccessToken {
    const now = this.clock.now();
    const issuedAt = seconds(now);
    const ttl = jittered(Math.min(this.config.ttl, session.accessTokenTtl ?? Infinity), this.config.jitter);
    const expiresAt = seconds(Math.min(now + ttl, session.expiresAt));
    const claims: AccessTokenClaims = {
      ...user.claims,
      iss: this.config.issuer,
      aud: this.config.audience,
      sub: user.id,
      client_id: session.clientId,
      iat: issuedAt,
      exp: expiresAt,
      jti: randomUUID(),
      auth_time: seconds(session.authTime ?? now),
      amr: session.amr?.split(' '),
      acr: session.acr ?? undefined,
      act: typeof session.actor === 'string' ? { sub: session.actor } : undefined,
      sid: session.id,
      gen: Math.max(session.generation, session.accessFloor ?? 0, this.list.settledFloorOf(session.id)),
      scope: session.scope,
      roles: user.roles,
      permissions: user.permissions ?? [],
      cnf: confirmationOf(session, cookieNonce),
    };
    return { accessToken: this.jwt.sign(claims, this.signOptions), expiresIn: Math.max(0, expiresAt - issuedAt) };
  }

  /**
   * Verifies a token and returns its user. It makes no database query: the revocation list in memory tells whether the
   * session was revoked or its permissions changed. `Claims` is the type of the claims that your user provider returns.
   *
   * @throws AuthError `invalid_token`, `token_expired`, `token_revoked`, `token_stale`, `temporarily_unavailable`
   */
  verify<Claims extends object = Record<string, unknown>>(token: string): AuthenticatedUser<Claims> {
    const user = this.identify(token) as AuthenticatedUser<Claims>;
    this.assertNotRevoked(user);
    return user;
  }

  /**
   * Checks that the token of a user, verified earlier, is still valid. For example on a socket that stays open.
   *
   * @throws AuthError `invalid_token`, `token_expired`, `token_revoked`, `token_stale`, `temporarily_unavailable`
   */
  assertLive(user: AuthenticatedUser): void {
    if (!isIdentified(user)) throw new AuthError('invalid_token');
    this.assertNotExpired(user);
    this.assertNotRevoked(user);
  }

  /**
   * Verifies a token without checking whether its session was revoked. Use it only to end the session.
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

  /** The key and options to verify a token, if its header is one that we mint; else `undefined`. */
  verifyOptionsFor(token: string): JwtVerifyOptions | undefined {
    return this.verifyOptionsByHeader.get(headerOfToken(token));
  }

  private assertNotExpired({ expiresAt }: Pick<AuthenticatedUser, 'expiresAt'>): void {
    if (this.clock.now() >= expiresAt * 1000 + this.config.clockTolerance) throw new AuthError('token_expired');
  }

  private assertNotRevoked({ sessionId, generation }: Pick<AuthenticatedUser, 'sessionId' | 'generation'>): void {
    this.feed.assertFresh();
    this.list.check(sessionId, generation);
  }

  private verifySignature(token: string): AuthenticatedUser {
    const options = this.verifyOptionsFor(token);
    let user: AuthenticatedUser | undefined;
    try {
      user = options && userOf(this.jwt.verify(token, options));
    } catch {
      // Answered below, like a token with wrong claims.
    }
    if (!user) throw new AuthError('invalid_token');
    return user;
  }

  private verifyOptionsOf(keys: Keys): JwtVerifyOptions {
    const { issuer, audience } = this.config;
    // `verify` checks the expiry by our clock, also for cached tokens. The types of @nestjs/jwt lack KeyObject, but
    // jsonwebtoken accepts it.
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

/** `undefined` for a session without a binding, so that the token has no claim `cnf`. */
function confirmationOf(
  { dpopThumbprint, certificateThumbprint }: AccessTokenSession,
  cookieNonce: string | undefined,
): Confirmation | undefined {
  const confirmation: Confirmation = {
    // Nobody could prove an empty thumbprint, so it must not count as no binding.
    ...(typeof dpopThumbprint === 'string' && { jkt: dpopThumbprint }),
    ...(typeof certificateThumbprint === 'string' && { 'x5t#S256': certificateThumbprint }),
    ...(cookieNonce !== undefined && { 'nonce#S256': sha256(cookieNonce) }),
  };
  return Object.keys(confirmation).length === 0 ? undefined : confirmation;
}

function headerOfToken(token: string): string {
  return token.slice(0, token.indexOf('.'));
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
