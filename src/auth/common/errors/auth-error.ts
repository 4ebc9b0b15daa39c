import { HttpException } from '@nestjs/common';
import { type AuthErrorCode, ERRORS } from './auth-error-codes.js';

/** How an access token is presented (RFC 6750 §2.1, RFC 9449 §7.1). */
export type AuthenticationScheme = 'Bearer' | 'DPoP';

/**
 * What `mfa_required` says about the second step of a sign-in.
 *
 * @example
 * if (error instanceof AuthError && error.mfa) show(error.mfa.methods);
 */
export interface MfaChallenge {
  /** Stands for the first step. It is good for one session, and a client cannot read it. */
  readonly ticket: string;
  /** What the user can prove, as your user provider names it: for example `['otp', 'hwk']`. */
  readonly methods: readonly string[];
  /** Seconds. */
  readonly expiresIn: number;
}

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
  /** The classes of authentication of which one is enough, space-separated. */
  acrValues?: string;
  /** The scopes that the access token must have, space-separated. */
  scope?: string;
  /** Seconds, if they are not those of the code. */
  retryAfter?: number;
  /** Whether the request was refused because too many others were under way, so that nothing was begun for it. */
  overloaded?: boolean;
  /** The ticket for the second step of a sign-in, what the user can prove, and the seconds that are left. */
  mfa?: MfaChallenge;
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
  /** The classes of authentication of which one is enough, space-separated (RFC 9470 §3). */
  readonly acrValues: string | undefined;
  /** The scopes that the access token must have, space-separated (RFC 6750 §3.1). */
  readonly scope: string | undefined;
  /** Too many other requests were under way. Nothing was begun for this one. */
  readonly overloaded: boolean;
  /** Only with `mfa_required`: how the sign-in goes on. */
  readonly mfa: MfaChallenge | undefined;
  /** The DPoP proof, the client certificate or the client nonce was missing or wrong. */
  readonly bindingFailed: boolean;
  /** As given, without the cause: a log of this error must not show what a driver says. */
  private readonly details: Omit<AuthErrorDetails, 'cause'>;

  constructor(
    readonly code: AuthErrorCode,
    description: string = ERRORS[code][1],
    { cause, ...details }: AuthErrorDetails = {},
  ) {
    super(
      { error: code, error_description: description, ...onTheWire(details.mfa) },
      details.status ?? ERRORS[code][0],
      { cause },
    );
    this.name = 'AuthError';
    this.message = `${code}: ${description}`;
    this.details = details;
    this.sessionLives = details.sessionLives ?? code === 'superseded';
    this.maxAge = details.maxAge;
    this.acrValues = details.acrValues;
    this.scope = details.scope;
    this.overloaded = details.overloaded ?? false;
    this.mfa = details.mfa;
    this.bindingFailed = details.bindingFailed ?? code === 'invalid_dpop_proof';
  }

  /** The same refusal as a guarded route answers it: 401, with a challenge in the scheme of the access token. */
  atResource(scheme: AuthenticationScheme): AuthError {
    const status = this.getStatus() === 400 ? 401 : this.getStatus();
    const { error_description: description } = this.getResponse() as { error_description: string };
    return new AuthError(this.code, description, { ...this.details, cause: this.cause, status, scheme });
  }

  /** The headers of the answer: the challenge, when to try again, the nonce and the time for the next proof. */
  get headers(): Record<string, string> {
    const { challenge, retryAfter } = this;
    const { dpopNonce, serverTime } = this.details;
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
    return this.details.retryAfter ?? (this.code === 'temporarily_unavailable' ? RETRY_AFTER_SECONDS : undefined);
  }

  /**
   * The challenge for the header `WWW-Authenticate`, if an access token was missing, refused or not enough (RFC 6750 §3,
   * RFC 9449 §7.1).
   */
  get challenge(): string | undefined {
    if (this.getStatus() !== 401 && this.code !== 'insufficient_scope') return undefined;
    const { scheme = 'Bearer' } = this.details;
    switch (this.code) {
      case 'unauthorized':
        return 'Bearer';
      case 'invalid_token':
      case 'token_expired':
      case 'token_revoked':
      case 'token_stale':
        return `${scheme} error="invalid_token"`;
      case 'insufficient_user_authentication':
        return [
          `${scheme} error="insufficient_user_authentication"`,
          ...(this.acrValues === undefined ? [] : [`acr_values="${this.acrValues}"`]),
          ...(this.maxAge === undefined ? [] : [`max_age="${this.maxAge}"`]),
        ].join(', ');
      case 'insufficient_scope':
        return `${scheme} error="insufficient_scope"` + (this.scope === undefined ? '' : `, scope="${this.scope}"`);
      case 'invalid_dpop_proof':
      case 'use_dpop_nonce':
        return `DPoP error="${this.code}"`;
      default:
        return undefined;
    }
  }
}

function onTheWire(mfa: MfaChallenge | undefined): object {
  return mfa ? { mfa_ticket: mfa.ticket, methods: mfa.methods, expires_in: mfa.expiresIn } : {};
}

/** A wrong configuration. The application does not start. The message names the option and what to write instead. */
export class AuthConfigurationError extends Error {
  readonly code = 'invalid_configuration';

  constructor(message: string) {
    super(message);
    this.name = 'AuthConfigurationError';
  }
}
