import { HttpException } from '@nestjs/common';

/** Each code with its HTTP status and the sentence in the answer. `@client` says what a client does. */
const ERRORS = {
  /**
   * The body or a header is malformed: a field is missing, has the wrong type, or is too long. It is also the answer to two refresh tokens in one request, in the body and in the cookie.
   *
   * @client Correct the request. The token is still good. (RFC 6749 §5.2)
   */
  invalid_request: [400, 'The request is malformed.'],
  /**
   * The DPoP proof is not valid, or was used before. On a guarded route the status is 401.
   *
   * @client Make a new proof for this method and URL. The token is still good. (RFC 9449 §5)
   */
  invalid_dpop_proof: [400, 'The DPoP proof is not valid.'],
  /**
   * The server asks for a nonce in proofs (`binding.dpop.requireNonce`), and this proof has none or an old one. On a guarded route the status is 401.
   *
   * @client Make a new proof with the nonce of the header `DPoP-Nonce`, and send the request again. The token is still good. (RFC 9449 §8)
   */
  use_dpop_nonce: [400, 'The DPoP proof must carry the nonce from the header DPoP-Nonce.'],
  /**
   * The login asks for a scope that `refreshToken.scopes` does not list.
   *
   * @client Ask for known scopes only. (RFC 6749 §5.2)
   */
  invalid_scope: [400, 'The requested scope is not known here.'],
  /**
   * The username or the password is wrong, or the user is disabled. The answer does not tell which.
   *
   * @client Ask the user again.
   */
  invalid_credentials: [401, 'The username or password is wrong.'],
  /**
   * The refresh token is unknown, expired, revoked, too old, or came without what its session is bound to. The reason is only in the event `refresh_denied`, `reuse_detected` or `binding_failed`.
   *
   * @client Forget the token and let the user sign in. (RFC 6749 §5.2)
   */
  invalid_grant: [401, 'The refresh token is not valid. Sign in again.'],
  /**
   * A guarded route was called without an access token.
   *
   * @client Sign in, or send the token. (RFC 6750 §3)
   */
  unauthorized: [401, 'An access token is required.'],
  /**
   * The access token is malformed, forged, or not one of this server.
   *
   * @client Refresh once, then sign in. (RFC 6750 §3.1)
   */
  invalid_token: [401, 'The access token is not valid.'],
  /**
   * The access token has expired.
   *
   * @client Refresh, and send the request again. (RFC 6750 §3.1)
   */
  token_expired: [401, 'The access token has expired. Refresh it.'],
  /**
   * The session of the access token has ended.
   *
   * @client Let the user sign in.
   */
  token_revoked: [401, 'The session has ended. Sign in again.'],
  /**
   * The permissions of the user have changed since the access token was issued.
   *
   * @client Refresh, and send the request again. The session goes on.
   */
  token_stale: [401, 'The permissions have changed. Refresh the access token.'],
  /**
   * A risk rule asks for the password again before it allows the refresh.
   *
   * @client Call `POST /auth/step-up` with the password. The refresh token is still good.
   */
  step_up_required: [401, 'Authenticate again with POST /auth/step-up. The refresh token is still good.'],
  /**
   * The route has `@StepUp`, and the last authentication is too old. `max_age` in the header `WWW-Authenticate` has the limit in seconds.
   *
   * @client Call `POST /auth/step-up` with the password, then send the request again. (RFC 9470 §3)
   */
  insufficient_user_authentication: [401, 'This needs a more recent authentication: POST /auth/step-up.'],
  /**
   * The user has `refreshToken.maxSessionsPerUser` sessions, and `refreshToken.onTooManySessions` is `'refuse'`.
   *
   * @client Let the user end another session first.
   */
  session_limit: [403, 'The user has too many sessions. End one of them first.'],
  /**
   * A risk rule denies the request, for example a `Geofence`.
   *
   * @client Tell the user. The refresh token is still good.
   */
  region_not_allowed: [403, 'This is not available in your region.'],
  /**
   * The user has none of the roles that the route asks for, or a page of another origin used the cookie, or the login asks for a binding that is not allowed.
   *
   * @client Do not repeat the request as it is. The token is still good.
   */
  forbidden: [403, 'This is not allowed.'],
  /**
   * The request came over plain HTTP, and `requireTls` is on.
   *
   * @client Use HTTPS. Behind a proxy, let the server trust it.
   */
  https_required: [403, 'Call this server over HTTPS.'],
  /**
   * The session does not exist or belongs to another user, or the path is unknown.
   *
   * @client Do not repeat the request.
   */
  not_found: [404, 'Not found.'],
  /**
   * Too many attempts failed; see `AuthThrottlingModule`.
   *
   * @client Wait for the seconds in the header `Retry-After`. The token is still good. (RFC 6585 §4)
   */
  too_many_requests: [429, 'Too many attempts. Wait before the next one.'],
  /**
   * An error that the library did not expect. The log has it; the answer does not.
   *
   * @client Try again later. The token may still be good.
   */
  server_error: [500, 'The server failed. The error has been logged.'],
  /**
   * The database or the user provider failed or took too long, or the revocation list is stale and `revocation.onStale` is `'refuse'`.
   *
   * @client Wait for the seconds in the header `Retry-After`, and repeat the request with the same token. It is still good.
   */
  temporarily_unavailable: [503, 'The server cannot answer right now. Try again with the same token.'],
} as const satisfies Record<string, readonly [number, string]>;

/** The stable codes of {@link AuthError}. */
export type AuthErrorCode = keyof typeof ERRORS;

/** How an access token is presented (RFC 6750 §2.1, RFC 9449 §7.1). */
export type AuthenticationScheme = 'Bearer' | 'DPoP';

export interface AuthErrorDetails {
  cause?: unknown;
  /** The HTTP status, if it is not that of the code. */
  status?: number;
  sessionLives?: boolean;
  /** The nonce for the next proof of the client. */
  dpopNonce?: string;
  /** The scheme of the challenge. */
  scheme?: AuthenticationScheme;
  /** Seconds within which the user must have authenticated. */
  maxAge?: number;
  /** Seconds, if they are not those of the code. */
  retryAfter?: number;
}

/** Seconds in `Retry-After` when the server cannot answer. */
const RETRY_AFTER_SECONDS = 1;

/**
 * A refusal of the library. On the wire it is `{"error": code, "error_description": text}` (RFC 6749 §5.2).
 *
 * It is an `HttpException`, so your own controllers answer with its status if they do not catch it. It never contains what
 * the client sent.
 *
 * @example
 * try {
 *   await refreshTokens.refresh(token);
 * } catch (error) {
 *   if (error instanceof AuthError && error.code === 'invalid_grant') signInAgain();
 * }
 */
export class AuthError extends HttpException {
  /** The token is not valid, but its session lives: another request has refreshed it at the same time. */
  readonly sessionLives: boolean;
  /** Seconds within which the user must have authenticated (RFC 9470 §3). */
  readonly maxAge: number | undefined;
  private readonly retryAfterSeconds: number | undefined;
  private readonly dpopNonce: string | undefined;
  private readonly scheme: AuthenticationScheme;

  constructor(
    readonly code: AuthErrorCode,
    description: string = ERRORS[code][1],
    {
      cause,
      status = ERRORS[code][0],
      sessionLives = false,
      dpopNonce,
      scheme = 'Bearer',
      maxAge,
      retryAfter,
    }: AuthErrorDetails = {},
  ) {
    super({ error: code, error_description: description }, status, { cause });
    this.name = 'AuthError';
    this.message = `${code}: ${description}`;
    this.sessionLives = sessionLives;
    this.maxAge = maxAge;
    this.retryAfterSeconds = retryAfter;
    this.dpopNonce = dpopNonce;
    this.scheme = scheme;
  }

  /** The same refusal as a guarded route answers it: 401, with a challenge in the scheme of the access token. */
  atResource(scheme: AuthenticationScheme): AuthError {
    const status = this.getStatus() === 400 ? 401 : this.getStatus();
    const { error_description: description } = this.getResponse() as { error_description: string };
    const { cause, sessionLives, dpopNonce, maxAge, retryAfterSeconds: retryAfter } = this;
    return new AuthError(this.code, description, {
      cause,
      status,
      sessionLives,
      dpopNonce,
      scheme,
      maxAge,
      retryAfter,
    });
  }

  /** The headers of the answer: the challenge, when to try again, the nonce for the next proof. */
  get headers(): Record<string, string> {
    const { challenge, retryAfter, dpopNonce } = this;
    return {
      ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...(dpopNonce !== undefined && { 'DPoP-Nonce': dpopNonce }),
    };
  }

  /** GraphQL servers copy this into the `extensions` of an error. */
  get extensions(): { code: AuthErrorCode } {
    return { code: this.code };
  }

  /** Seconds for the header `Retry-After`, if trying again can help. */
  get retryAfter(): number | undefined {
    return this.retryAfterSeconds ?? (this.code === 'temporarily_unavailable' ? RETRY_AFTER_SECONDS : undefined);
  }

  /** The challenge for the header `WWW-Authenticate`, if an access token was missing or refused (RFC 6750 §3, RFC 9449 §7.1). */
  get challenge(): string | undefined {
    if (this.getStatus() !== 401) return undefined;
    switch (this.code) {
      case 'unauthorized':
        return 'Bearer';
      case 'invalid_token':
      case 'token_expired':
      case 'token_revoked':
      case 'token_stale':
        return `${this.scheme} error="invalid_token"`;
      case 'insufficient_user_authentication':
        return `${this.scheme} error="insufficient_user_authentication", max_age="${this.maxAge}"`;
      case 'invalid_dpop_proof':
      case 'use_dpop_nonce':
        return `DPoP error="${this.code}"`;
      default:
        return undefined;
    }
  }
}

/** A wrong configuration. The application does not start. The message names the option and what to write instead. */
export class AuthConfigurationError extends Error {
  readonly code = 'invalid_configuration';

  constructor(message: string) {
    super(message);
    this.name = 'AuthConfigurationError';
  }
}
