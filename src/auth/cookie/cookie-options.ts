import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { texts } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { checkedOrigins } from '../common/options/origins.js';

/**
 * The cookie that carries the refresh token. It is always `HttpOnly`, `Secure`, `SameSite=Strict`, `Path=/` and without
 * `Domain`.
 */
export class CookieOptions {
  /**
   * The name of the cookie. It begins with `__Host-`, so that no other host and no plain HTTP can set it (RFC 6265bis).
   */
  name = '__Host-refresh_token';
  /**
   * The name of the cookie for the client nonce. It begins with `__Host-` too. By default it is
   * `'__Host-client_nonce'`; if you changed `name`, it is that name followed by `_client_nonce`.
   */
  clientNonceName?: string = undefined;
  /**
   * Other origins whose pages may use the cookie, as browsers send them: for example `['https://app.example']`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { allowedOrigins: ['https://app.example'] } });
   */
  allowedOrigins: string[] = [];
}

export class CookieConfig extends configOf('cookie.', CookieOptions, {
  name: cookieName,
  clientNonceName: clientNonceNameOf,
  allowedOrigins: (name, origins) => checkedOrigins(name, texts('https://app.example')(name, origins)),
}) {
  /** The name of the cookie that recognises a device at the next login. */
  readonly deviceName = `${this.name}_device`;
  /** The name of the cookie that tells one browser from another, for `refreshToken.onNewDevice`. */
  readonly deviceIdName = `${this.name}_device_id`;
}

function cookieName(name: string, given: string): string {
  if (/^__Host-[\w.-]+$/.test(given)) return given;
  throw new AuthConfigurationError(`${name} must begin with '__Host-', for example '__Host-refresh_token'.`);
}

function clientNonceNameOf(name: string, given: string | undefined, cookie: CookieOptions): string {
  const isUsual = cookie.name === new CookieOptions().name;
  const usual = isUsual ? '__Host-client_nonce' : `${cookie.name}_client_nonce`;
  const nonceName = cookieName(name, given === undefined ? usual : given);
  if (nonceName !== cookie.name) return nonceName;
  throw new AuthConfigurationError(
    'cookie.name and cookie.clientNonceName are the same. Give each cookie its own name.',
  );
}
