import { Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { RefreshRefusal } from '../refresh-token/refresh-refusal.js';
import { type IssuedRefreshToken, RefreshTokenCodec } from '../refresh-token/refresh-token.codec.js';

/** Far more than a refresh token has, and enough for an access token sent by mistake to be told from nonsense. */
const LONGEST_TOKEN = 4096;

/** A refresh token as the request brought it. */
export interface FoundRefreshToken {
  readonly text: string;
  /** What it says, where this server has issued it. */
  readonly decoded?: IssuedRefreshToken;
}

/** Finds the refresh token of a request: in its body or in its cookie, and nowhere else. Each request's is decoded once. */
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
   * The token, issued by this server; it may be dead all the same.
   *
   * @throws AuthError `invalid_grant` for any other; `invalid_request` also where there is none; `https_required`
   */
  require(request: HttpRequest): Required<FoundRefreshToken> {
    assertTls(request, this.tls);
    const found = this.find(request);
    if (found === undefined) throw new AuthError('invalid_request', 'A refresh token is required.');
    const { text, decoded } = found;
    if (!decoded) throw this.refusal.notIssuedHere(clientContextOf(request));
    return { text, decoded };
  }

  /**
   * `undefined` where there is none.
   *
   * @throws AuthError `invalid_request` for anything but one string of bearable length; `forbidden` for a cookie that
   * another site made the browser send
   */
  find(request: HttpRequest): FoundRefreshToken | undefined {
    const known = this.found.get(request);
    if (known) return known;
    const text = this.textOf(request);
    if (text === undefined) return undefined;
    const found = { text, decoded: this.codec.decode(text) };
    this.found.set(request, found);
    return found;
  }

  private textOf(request: HttpRequest): string | undefined {
    const inCookie = this.cookie.read(request);
    if (inCookie !== undefined) this.cookie.assertSameSite(request);

    const inBody = this.inBody(request.body);
    if (inBody !== undefined && inCookie !== undefined) {
      throw new AuthError('invalid_request', 'The refresh token came both in the body and in the cookie.');
    }
    const token = inBody ?? inCookie;
    if (token !== undefined && token.length > LONGEST_TOKEN) {
      throw new AuthError('invalid_request', 'The refresh token is too long.');
    }
    return token;
  }

  private inBody(body: unknown): string | undefined {
    if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'refresh_token')) return undefined;
    const token = (body as { refresh_token: unknown }).refresh_token;
    if (typeof token !== 'string') throw new AuthError('invalid_request', 'The refresh token must be a string.');
    // An empty parameter is one that was not sent (RFC 6749 §3.2).
    return token === '' ? undefined : token;
  }
}
