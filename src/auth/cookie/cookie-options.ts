import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { boolean, complete, oneOf, texts } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { checkedOrigins } from '../common/options/origins.js';
import { cookieDomain, cookiePath } from './cookie-scope.js';

/**
 * The cookies. By default they are `HttpOnly`, `Secure`, `SameSite=Strict`, `Path=/` and without `Domain`.
 */
export class CookieOptions {
  /**
   * The name of the cookie of the refresh token. It begins with `__Host-`, so that no other host and no plain HTTP can
   * set it (RFC 6265bis §4.1.3). By default it is `'__Host-refresh_token'`. With `domain` it begins with `__Secure-`
   * instead. With `secure: false` it has no such prefix, because browsers would refuse the cookie. If you change the name,
   * everybody signs in again.
   */
  name?: string = undefined;
  /**
   * The name of the cookie for the client nonce, with the same prefix. By default it is `'__Host-client_nonce'`. If you
   * changed `name`, it is that name followed by `_client_nonce`.
   */
  clientNonceName?: string = undefined;
  /**
   * Other origins whose pages may use the cookie, as browsers send them: for example `['https://app.example']`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { allowedOrigins: ['https://app.example'] } });
   */
  allowedOrigins: string[] = [];
  /**
   * When browsers send the cookies with a request that another site caused: `'strict'` never, `'lax'` if the user follows
   * a link, `'none'` always. The server checks for itself which page may use the cookies, with each of these. `'none'` gives up
   * the second line of that defence, and many browsers drop such cookies in pages of other sites.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { sameSite: 'lax' } });
   */
  sameSite: 'strict' | 'lax' | 'none' = 'strict';
  /**
   * The domain whose hosts all get the cookies, for example `'example.com'`. By default only the host that set them.
   *
   * It costs the protection of `__Host-`. Every host of the domain gets the refresh token, and can overwrite it: with its
   * own session, or with nothing. So every one of them must be as safe as your login. The module recognises cookies that
   * were added to its own, but not one that was overwritten.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { domain: 'example.com' } });
   */
  domain?: string = undefined;
  /**
   * Whether the cookies need HTTPS. `false` is for development over plain HTTP on a LAN, for example
   * `http://192.168.1.20:3000` on a phone. Anybody in the network can then read the tokens. It is refused if `NODE_ENV` is
   * `production`, or if `requireTls` is on.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { secure: process.env.NODE_ENV === 'production' } });
   */
  secure = true;
  /**
   * Whether each top-level site has cookies of its own (CHIPS, attribute `Partitioned`). It is for your pages in a frame of
   * other sites. It needs `sameSite: 'none'`. A user who signs in within one site is not signed in within the next.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { sameSite: 'none', partitioned: true } });
   */
  partitioned = false;
  /**
   * Whether the access token of a cookie session is also set as an HttpOnly cookie, for server-rendered pages, downloads and
   * `EventSource`. `JwtAuthGuard` and the other guards then accept it from requests without `Authorization`, after a
   * check of the page that sent them. A token that is bound to a DPoP key gets no cookie, and neither does one that is too long
   * for a cookie.
   *
   * Its name is `'__Host-access_token'`, or `name` and `_access_token` if you changed `name`. With a `path` other than `'/'`,
   * browsers send it below that path only, and its prefix is `__Secure-`. That saves bytes, and protects nothing.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, cookie: { accessToken: true } });
   */
  accessToken: boolean | { name?: string; path?: string } = false;
}

export class CookieConfig extends configOf('cookie.', CookieOptions, {
  sameSite: oneOf('strict', 'lax', 'none'),
  domain: cookieDomain,
  secure: secureOf,
  partitioned: boolean,
  name: (name, given, cookie) => cookieName(name, given ?? usualName(cookie), prefixOf(cookie)),
  clientNonceName: clientNonceNameOf,
  accessToken: accessTokenOf,
  allowedOrigins: (name, origins) => checkedOrigins(name, texts('https://app.example')(name, origins)),
}) {
  /** The name of the cookie that recognises a device at the next login. */
  readonly deviceName = `${this.name}_device`;
  /** The name of the cookie that tells one browser from another, for `refreshToken.onNewDevice`. */
  readonly deviceIdName = `${this.name}_device_id`;

  constructor(given?: Partial<CookieOptions>) {
    super(given);
    assertUsable(this);
    const { name, clientNonceName, deviceName, deviceIdName, accessToken } = this;
    if (name === clientNonceName) throw sameName('cookie.name', 'cookie.clientNonceName');
    if (accessToken !== undefined && [name, clientNonceName, deviceName, deviceIdName].includes(accessToken.name)) {
      throw sameName('cookie.accessToken.name', 'another cookie');
    }
  }
}

/** The prefixes that browsers hold a cookie to (RFC 6265bis §4.1.3); '' without `Secure`. */
type Prefix = '__Host-' | '__Secure-' | '';

function prefixOf({ secure, domain }: CookieOptions, path = '/'): Prefix {
  if (!secure) return '';
  return domain === undefined && path === '/' ? '__Host-' : '__Secure-';
}

const FORMS: Record<Prefix, [RegExp, fix: string]> = {
  '__Host-': [/^__Host-[\w.-]+$/, "must begin with '__Host-', for example '__Host-refresh_token'."],
  '__Secure-': [
    /^__Secure-[\w.-]+$/,
    "must begin with '__Secure-', for example '__Secure-refresh_token': with a domain or a path, browsers refuse '__Host-'. " +
      'Change the name, or remove the domain or the path.',
  ],
  '': [
    /^(?!__(host|secure|http)-)[\w.-]+$/i,
    "must not begin with '__Host-' or '__Secure-', for example 'refresh_token': with cookie.secure: false, browsers " +
      'refuse these prefixes. It has letters, digits, and the characters _ . -',
  ],
};

function cookieName(name: string, given: unknown, prefix: Prefix): string {
  const [form, fix] = FORMS[prefix];
  if (typeof given === 'string' && form.test(given)) return given;
  throw new AuthConfigurationError(`${name} ${fix}`);
}

function usualName(cookie: CookieOptions): string {
  return `${prefixOf(cookie)}refresh_token`;
}

/** The usual name, or one that follows the name that the host has chosen for the refresh token. */
function nameFor(what: string, cookie: CookieOptions, prefix = prefixOf(cookie)): string {
  const { name = usualName(cookie) } = cookie;
  const chosen = name === usualName(cookie) ? '' : `${name.replace(/^__(Host|Secure)-/, '')}_`;
  return `${prefix}${chosen}${what}`;
}

function clientNonceNameOf(name: string, given: string | undefined, cookie: CookieOptions): string {
  return cookieName(name, given ?? nameFor('client_nonce', cookie), prefixOf(cookie));
}

function accessTokenOf(name: string, given: CookieOptions['accessToken'], cookie: CookieOptions) {
  if (given === false) return undefined;
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw new AuthConfigurationError(`${name} must be true, false or, for example, { path: '/app' }.`);
  }
  const defaults: { name?: string; path?: string } = { name: undefined, path: '/' };
  const options = complete(name, defaults, given === true ? {} : given);
  const path = cookiePath(`${name}.path`, options.path);
  const prefix = prefixOf(cookie, path);
  return { name: cookieName(`${name}.name`, options.name ?? nameFor('access_token', cookie, prefix), prefix), path };
}

function secureOf(name: string, given: boolean): boolean {
  const secure = boolean(name, given);
  if (secure || process.env.NODE_ENV !== 'production') return secure;
  throw new AuthConfigurationError(
    `${name}: false is for development, and NODE_ENV is 'production'. Remove it, and serve the application by HTTPS.`,
  );
}

/** @throws AuthConfigurationError for attributes with which browsers would refuse the cookies, or never send them */
function assertUsable({ sameSite, secure, partitioned }: Pick<CookieOptions, 'sameSite' | 'secure' | 'partitioned'>) {
  if (sameSite === 'none' && !secure) {
    throw new AuthConfigurationError(
      "cookie.sameSite: 'none' needs cookie.secure: browsers refuse the cookie without it. Use 'lax' on plain HTTP.",
    );
  }
  if (partitioned && sameSite !== 'none') {
    throw new AuthConfigurationError(
      "cookie.partitioned needs cookie.sameSite: 'none': in a frame of another site, browsers send no other cookie.",
    );
  }
}

function sameName(one: string, other: string): AuthConfigurationError {
  return new AuthConfigurationError(`${one} and ${other} are the same. Give each cookie its own name.`);
}
