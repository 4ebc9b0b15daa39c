import { HttpException } from '@nestjs/common';

/** Each code, the HTTP status it travels with, and the sentence that the client reads. */
const ERRORS = {
  invalid_request: [400, 'The request is malformed.'],
  invalid_dpop_proof: [400, 'The DPoP proof is not valid.'],
  use_dpop_nonce: [400, 'The DPoP proof must carry the nonce of the header DPoP-Nonce.'],
  invalid_scope: [400, 'The requested scope is not known here.'],
  invalid_credentials: [401, 'The username or password is wrong.'],
  invalid_grant: [401, 'The refresh token is not valid. Sign in again.'],
  unauthorized: [401, 'An access token is required.'],
  invalid_token: [401, 'The access token is not valid.'],
  token_expired: [401, 'The access token has expired. Refresh it.'],
  token_revoked: [401, 'The session has ended. Sign in again.'],
  token_stale: [401, 'The permissions have changed. Refresh the access token.'],
  step_up_required: [401, 'Authenticate again, by POST /auth/step-up. The refresh token is as good as before.'],
  insufficient_user_authentication: [401, 'This needs a more recent authentication: POST /auth/step-up.'],
  session_limit: [403, 'There are too many sessions. End one of them first.'],
  region_not_allowed: [403, 'This is not available where you are.'],
  forbidden: [403, 'This is not allowed.'],
  https_required: [403, 'This server is to be called over HTTPS.'],
  not_found: [404, 'There is no such thing.'],
  too_many_requests: [429, 'There were too many attempts. Wait before the next.'],
  server_error: [500, 'The server failed. It has been logged.'],
  temporarily_unavailable: [503, 'The server cannot answer right now. Try again with the same token.'],
} as const satisfies Record<string, readonly [number, string]>;

/** The stable codes of {@link AuthError}. */
export type AuthErrorCode = keyof typeof ERRORS;

/** How an access token is presented (RFC 6750 §2.1, RFC 9449 §7.1). */
export type AuthenticationScheme = 'Bearer' | 'DPoP';

export interface AuthErrorDetails {
  cause?: unknown;
  /** Where it is not that of the code. */
  status?: number;
  sessionLives?: boolean;
  /** For the client's next proof. */
  dpopNonce?: string;
  /** Of the challenge. */
  scheme?: AuthenticationScheme;
  /** Seconds within which the user must have authenticated. */
  maxAge?: number;
  /** Seconds, where it is not that of the code. */
  retryAfter?: number;
}

/** Seconds that a client is asked to wait when the server cannot answer (`Retry-After`). */
const RETRY_AFTER_SECONDS = 1;

/**
 * Every refusal of the library, on the wire `{"error": code, "error_description": text}` (RFC 6749 §5.2).
 *
 * It is an `HttpException`, so that a controller of the host's own that lets it pass answers with the right status.
 * It never carries what the client sent.
 *
 * @example
 * try {
 *   await refreshTokens.refresh(token);
 * } catch (error) {
 *   if (error instanceof AuthError && error.code === 'invalid_grant') signInAgain();
 * }
 */
export class AuthError extends HttpException {
  /** The token is no good, but its session lives: a request that came at the same time has refreshed it. */
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

  /** The same refusal, as a protected resource answers it: 401, with a challenge in the scheme of the access token. */
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

  /** The headers that belong to the answer: the challenge, when to try again, the nonce for the next proof. */
  get headers(): Record<string, string> {
    const { challenge, retryAfter, dpopNonce } = this;
    return {
      ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...(dpopNonce !== undefined && { 'DPoP-Nonce': dpopNonce }),
    };
  }

  /** What GraphQL servers copy into an error's `extensions`. */
  get extensions(): { code: AuthErrorCode } {
    return { code: this.code };
  }

  /** Seconds for the `Retry-After` header, where trying again can help. */
  get retryAfter(): number | undefined {
    return this.retryAfterSeconds ?? (this.code === 'temporarily_unavailable' ? RETRY_AFTER_SECONDS : undefined);
  }

  /** The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9449 §7.1), where an access token was missing or refused. */
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

/** A wrong configuration, refused at boot. The message says which option, and what to write instead. */
export class AuthConfigurationError extends Error {
  readonly code = 'invalid_configuration';

  constructor(message: string) {
    super(message);
    this.name = 'AuthConfigurationError';
  }
}
