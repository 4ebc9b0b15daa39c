import { Injectable } from '@nestjs/common';
import { parseCookie, stringifySetCookie } from 'cookie';
import { Clock } from '../common/time/clock.js';
import { ResolvedAuthOptions } from '../resolve-options.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';

/** Ours have 43 characters. */
const LONGEST_CLIENT_NONCE = 256;
/** Browsers cut cookies at 400 days (RFC 6265bis §5.5). */
const LONGEST_MAX_AGE = 400 * 24 * 60 * 60;

/**
 * The refresh token as a cookie, and the client nonce as another where the session is bound to one: HttpOnly, Secure,
 * `SameSite=Strict`, for this host alone.
 */
@Injectable()
export class RefreshCookie {
  private readonly name: string;
  private readonly clientNonceName: string;

  constructor(
    private readonly clock: Clock,
    options: ResolvedAuthOptions,
  ) {
    this.name = options.cookie.name;
    this.clientNonceName = options.cookie.clientNonceName;
  }

  /** The token that the request carries in its cookie, if it carries one. */
  read(request: HttpRequest): string | undefined {
    return readCookie(request, this.name);
  }

  /** The client nonce that the request carries in its cookie; `undefined` also for what is too long to be one. */
  readClientNonce(request: HttpRequest): string | undefined {
    const nonce = readCookie(request, this.clientNonceName);
    return nonce !== undefined && nonce.length <= LONGEST_CLIENT_NONCE ? nonce : undefined;
  }

  /**
   * The `Set-Cookie` headers that hand over what was issued; they never outlive the session. A client nonce that an earlier
   * session has left is removed.
   */
  setCookies({ refreshToken, clientNonce, refreshTokenExpiresAt }: IssuedTokens, request: HttpRequest): string[] {
    const left = Math.floor((refreshTokenExpiresAt - this.clock.now()) / 1000);
    const maxAge = Math.min(Math.max(left, 0), LONGEST_MAX_AGE);
    const token = serialize(this.name, refreshToken, maxAge);
    if (clientNonce !== undefined) return [token, serialize(this.clientNonceName, clientNonce, maxAge)];
    return [token, ...this.clearClientNonce(request)];
  }

  /** The `Set-Cookie` headers that remove them. */
  clearCookies(request: HttpRequest): string[] {
    return [serialize(this.name, '', 0), ...this.clearClientNonce(request)];
  }

  private clearClientNonce(request: HttpRequest): string[] {
    return readCookie(request, this.clientNonceName) === undefined ? [] : [serialize(this.clientNonceName, '', 0)];
  }
}

function readCookie(request: HttpRequest, name: string): string | undefined {
  const header = headerOf(request, 'cookie');
  const value = header === undefined ? undefined : parseCookie(header)[name];
  // Quotes may stand around any value (RFC 6265 §4.1.1). An empty cookie is how some clients keep one that was cleared.
  return value?.replace(/^"(.*)"$/s, '$1') || undefined;
}

function serialize(name: string, value: string, maxAge: number): string {
  return stringifySetCookie(name, value, { httpOnly: true, secure: true, sameSite: 'strict', path: '/', maxAge });
}
