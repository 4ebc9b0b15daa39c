import { Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { RefreshRefusal } from '../refresh-token/refresh-refusal.js';
import { type IssuedRefreshToken, RefreshTokenCodec } from '../refresh-token/refresh-token.codec.js';

/**
 * The fields of a body that may have the token, with the most characters. A refresh token is much shorter, so that an
 * access token sent by mistake is recognised as a wrong token.
 */
const REFRESHABLE = { refresh_token: 4096 };
/** An access token may be as long here as in a header of Node.js. */
const REVOCABLE = { ...REFRESHABLE, token: 16_384 };

type Fields = Readonly<Record<string, number>>;

/** A refresh token as found in the request. */
export interface FoundRefreshToken {
  readonly text: string;
  /** The decoded token, if this server has issued it. */
  readonly decoded?: IssuedRefreshToken;
}

/** Finds the refresh token of a request, only in its body or its cookie. Each token is decoded once per request. */
@Injectable()
export class PresentedRefreshToken {
  private readonly found = new WeakMap<HttpRequest, FoundRefreshToken>();

  constructor(
    private readonly cookie: RefreshCookie,
    private readonly codec: RefreshTokenCodec,
    private readonly refusal: RefreshRefusal,
    private readonly tls: TlsConfig,
  ) {}

  /**
   * The token, if this server has issued it. Its session may already be dead.
   *
   * @throws AuthError `invalid_grant` if this server did not issue the token; `refresh_token_missing` if there is no
   *   token; `invalid_request` if no parser has read the body; `https_required`
   */
  require(request: HttpRequest): Required<FoundRefreshToken> {
    assertTls(request, this.tls);
    const found = this.find(request);
    if (found === undefined) throw new AuthError(isReadable(request) ? 'refresh_token_missing' : 'invalid_request');
    const { text, decoded } = found;
    if (!decoded) throw this.refusal.notIssuedHere(clientContextOf(request));
    return { text, decoded };
  }

  /**
   * The token of the request; `undefined` if it has no token.
   *
   * @throws AuthError `invalid_request` if it is not one string of at most 4,096 characters, or for cookies of several
   *   sessions
   * @throws AuthError `forbidden` for a cookie in a request that a different site caused
   */
  find(request: HttpRequest): FoundRefreshToken | undefined {
    return this.findIn(request, REFRESHABLE);
  }

  /**
   * The token that a request wants revoked. It may also be in the field `token` (RFC 7009 §2.1), and can be an access
   * token there: then it is not decoded.
   *
   * @throws AuthError as {@link find}; `invalid_request` also for a body that no parser has read
   */
  findToRevoke(request: HttpRequest): FoundRefreshToken | undefined {
    const found = this.findIn(request, REVOCABLE);
    if (!found && !isReadable(request)) throw new AuthError('invalid_request');
    // No token has white space. It would be one that nobody issued, and its session would live on.
    if (found && /\s/.test(found.text)) throw malformed('the token');
    return found;
  }

  /** Whether the body has a token. */
  isInBody(request: HttpRequest): boolean {
    return tokenIn(request.body, REVOCABLE) !== undefined;
  }

  private findIn(request: HttpRequest, fields: Fields): FoundRefreshToken | undefined {
    const known = this.found.get(request);
    if (known) return known;
    const text = this.textOf(request, fields);
    if (text === undefined) return undefined;
    const found = { text, decoded: this.codec.decode(text) };
    this.found.set(request, found);
    return found;
  }

  /**
   * Whether the cookie of the request has a token that this server did not issue. Cookies know no ports, so the token may
   * belong to another application on this host. Such a cookie is not removed.
   */
  hasForeignCookie(request: HttpRequest): boolean {
    const inCookies = this.cookie.readAll(request);
    return inCookies.length > 0 && !inCookies.some((token) => this.codec.decode(token));
  }

  /**
   * Whether the request has cookies of several sessions of this server. Ours is one of them. Another host of
   * `cookie.domain` has set the others, or this server has with other options. Nobody can tell which is which.
   */
  hasSeveralSessions(request: HttpRequest): boolean {
    return areOfSeveralSessions(this.ownCookies(request));
  }

  /**
   * The tokens of all cookies, for a request that is to end their sessions.
   *
   * @throws AuthError `forbidden`, `invalid_request` as `find`
   */
  allInCookies(request: HttpRequest): IssuedRefreshToken[] {
    this.cookie.assertSameSite(request);
    if (tokenIn(request.body, REVOCABLE) !== undefined) throw bothPlaces();
    return this.ownCookies(request).map(({ decoded }) => decoded);
  }

  /** The `Set-Cookie` headers of a refusal: they remove what is dead, or what is not ours. */
  cookiesToRemove(request: HttpRequest, error: AuthError): string[] | undefined {
    if (error.code === 'invalid_grant' && !error.sessionLives) {
      const isOurs = this.cookie.read(request) !== undefined && !this.hasForeignCookie(request);
      return isOurs ? this.cookie.clearCookies(request) : undefined;
    }
    // So that the request can be repeated with ours.
    const isAmbiguous = error.code === 'invalid_request' && this.hasSeveralSessions(request);
    return isAmbiguous ? this.cookie.clearStrayCookies(request) : undefined;
  }

  private textOf(request: HttpRequest, fields: Fields): string | undefined {
    const inBody = tokenIn(request.body, fields);
    const own = this.ownCookies(request);
    const inCookie = newestOf(own) ?? this.cookie.read(request);
    // The browser adds the cookie of another application on this host to every request.
    if (inBody !== undefined && inCookie !== undefined && this.codec.isOfAnotherServer(inCookie)) return inBody;
    if (inCookie !== undefined) this.cookie.assertSameSite(request);
    if (inBody !== undefined && inCookie !== undefined) throw bothPlaces();
    // Any of them could be of an attacker, who wants the user to go on with it. The answer removes those that are not ours.
    if (areOfSeveralSessions(own)) {
      throw new AuthError('invalid_request', 'The request has the cookies of several sessions. Send it again.');
    }
    if (inCookie !== undefined && inCookie.length > fields.refresh_token) throw malformed('the cookie');
    return inBody ?? inCookie;
  }

  /** If there are several cookies: those whose token this server has issued. */
  private ownCookies(request: HttpRequest): OwnCookies {
    const inCookies = this.cookie.readAll(request);
    if (inCookies.length < 2) return [];
    return inCookies.flatMap((text) => {
      const decoded = this.codec.decode(text);
      return decoded ? [{ text, decoded }] : [];
    });
  }
}

type OwnCookies = readonly Required<FoundRefreshToken>[];

/** The newest token that this server has issued. Another host of the domain can add cookies of the same name. */
function newestOf(own: OwnCookies): string | undefined {
  return own.toSorted((a, b) => b.decoded.generation - a.decoded.generation).at(0)?.text;
}

function areOfSeveralSessions(own: OwnCookies): boolean {
  return new Set(own.map(({ decoded }) => decoded.sessionId)).size > 1;
}

function tokenIn(body: unknown, fields: Fields): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const names = Object.keys(fields).filter((name) => Object.hasOwn(body, name));
  const tokens = names.map((name) => {
    const token = (body as Record<string, unknown>)[name];
    if (typeof token !== 'string' || token.length > fields[name]) throw malformed(name);
    return token;
  });
  // An empty parameter counts as omitted (RFC 6749 §3.2).
  const [token, another] = tokens.filter((text) => text !== '');
  if (another !== undefined) throw malformed(names.join(', '));
  return token;
}

function malformed(what: string): AuthError {
  return new AuthError('invalid_request', `Not valid: ${what}.`);
}

function bothPlaces(): AuthError {
  return new AuthError('invalid_request', 'The request has one token in the body, and another in the cookie.');
}

/** A token may be in a body that is not an object, or that no parser of the host has read. */
function isReadable({ body, headers }: HttpRequest): boolean {
  if (body !== undefined && body !== null) return typeof body === 'object' && !Array.isArray(body);
  return (headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined;
}
