import { HttpException } from '@nestjs/common';
import { type AuthErrorCode, ERRORS } from './auth-error-codes.js';

/** How an access token is presented (RFC 6750 §2.1, RFC 9449 §7.1). */
export type AuthenticationScheme = 'Bearer' | 'DPoP';

/** What an error says besides its code and its text. */
export interface AuthErrorDetails {
  /** The cause, for the log. */
  cause?: unknown;
  /** The HTTP status, if it is not that of the code. */
  status?: number;
  /** Whether the session goes on although its token was refused. `superseded` always says so. */
  sessionLives?: boolean;
  /** The nonce for the next proof of the client. */
  dpopNonce?: string;
  /** The time of the server, in milliseconds, if the client needs it to correct its own. */
  serverTime?: number;
  /** The scheme of the challenge. */
  scheme?: AuthenticationScheme;
  /** Seconds within which the user must have authenticated. */
  maxAge?: number;
  /** Seconds, if they are not those of the code. */
  retryAfter?: number;
  /** Whether the request was refused because too many others were under way, so that nothing was begun for it. */
  overloaded?: boolean;
  /** Whether the proof, certificate or client nonce was missing or wrong. `invalid_dpop_proof` always says so. */
  bindingFailed?: boolean;
}

/** Seconds in `Retry-After` when the server cannot answer. */
const RETRY_AFTER_SECONDS = 1;

/**
 * A refusal of the library. On the wire it is `{"error": code, "error_description": text}` (RFC 6749 §5.2).
 *
 * It is an `HttpException`, so your own controllers answer with its status if they do not catch it. It never contains
 * what the client sent.
 *
 * @example
 * try {
 *   await refreshTokens.refresh(token);
 * } catch (error) {
 *   if (error instanceof AuthError && error.code === 'invalid_grant') signInAgain();
 * }
 */
export class AuthError extends HttpException {
  /**
   * The token is refused, but its session lives: the binding was missing, another request came first, the token was
   * superseded, or a step-up is not possible.
   */
  readonly sessionLives: boolean;
  /** Seconds within which the user must have authenticated (RFC 9470 §3). */
  readonly maxAge: number | undefined;
  /** Too many other requests were under way. Nothing was begun for this one. */
  readonly overloaded: boolean;
  /** The DPoP proof, the client certificate or the client nonce was missing or wrong. */
  readonly bindingFailed: boolean;
  private readonly retryAfterSeconds: number | undefined;
  private readonly dpopNonce: string | undefined;
  private readonly serverTime: number | undefined;
  private readonly scheme: AuthenticationScheme;

  constructor(
    readonly code: AuthErrorCode,
    description: string = ERRORS[code][1],
    {
      cause,
      status = ERRORS[code][0],
      sessionLives = code === 'superseded',
      dpopNonce,
      serverTime,
      scheme = 'Bearer',
      maxAge,
      retryAfter,
      overloaded = false,
      bindingFailed = code === 'invalid_dpop_proof',
    }: AuthErrorDetails = {},
  ) {
    super({ error: code, error_description: description }, status, { cause });
    this.name = 'AuthError';
    this.message = `${code}: ${description}`;
    this.sessionLives = sessionLives;
    this.maxAge = maxAge;
    this.overloaded = overloaded;
    this.bindingFailed = bindingFailed;
    this.retryAfterSeconds = retryAfter;
    this.dpopNonce = dpopNonce;
    this.serverTime = serverTime;
    this.scheme = scheme;
  }

  /** The same refusal as a guarded route answers it: 401, with a challenge in the scheme of the access token. */
  atResource(scheme: AuthenticationScheme): AuthError {
    const status = this.getStatus() === 400 ? 401 : this.getStatus();
    const { error_description: description } = this.getResponse() as { error_description: string };
    const { cause, sessionLives, dpopNonce, serverTime, maxAge, retryAfterSeconds: retryAfter } = this;
    const { overloaded, bindingFailed } = this;
    return new AuthError(this.code, description, {
      cause,
      status,
      sessionLives,
      dpopNonce,
      serverTime,
      scheme,
      maxAge,
      retryAfter,
      overloaded,
      bindingFailed,
    });
  }

  /** The headers of the answer: the challenge, when to try again, the nonce and the time for the next proof. */
  get headers(): Record<string, string> {
    const { challenge, retryAfter, dpopNonce, serverTime } = this;
    return {
      ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...(dpopNonce !== undefined && { 'DPoP-Nonce': dpopNonce }),
      // Node.js would send the time of the machine.
      ...(serverTime !== undefined && { Date: new Date(serverTime).toUTCString() }),
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

  /**
   * The challenge for the header `WWW-Authenticate`, if an access token was missing or refused (RFC 6750 §3, RFC 9449
   * §7.1).
   */
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
