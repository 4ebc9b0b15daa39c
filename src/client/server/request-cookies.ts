/**
 * The attributes of a cookie, with the names that Next.js, SvelteKit, Astro and h3 use.
 *
 * @example
 * const attributes: CookieAttributes = { path: '/', httpOnly: true, secure: true, sameSite: 'strict', maxAge: 60 };
 */
export interface CookieAttributes {
  path?: string;
  domain?: string;
  /** Seconds. */
  maxAge?: number;
  expires?: Date;
  httpOnly?: boolean;
  secure?: boolean;
  sameSite?: 'strict' | 'lax' | 'none';
  partitioned?: boolean;
}

/**
 * Cookies that can be read and set one by one: `await cookies()` and `request.cookies` of Next.js, `cookies` of SvelteKit,
 * `Astro.cookies`.
 *
 * @example
 * const jar: CookieJar = {
 *   get: (name) => getCookie(event, name), // h3, Nuxt
 *   set: (name, value, attributes) => setCookie(event, name, value, attributes),
 * };
 */
export interface CookieJar {
  get(name: string): string | { readonly value: string } | null | undefined;
  set(name: string, value: string, attributes: CookieAttributes & { path: string }): unknown;
}

/**
 * Cookies of a request that a later part of the same server reads: `request.cookies` in middleware of Next.js. It sets no
 * cookie in the browser.
 *
 * @example
 * const cookies: RequestCookieJar = request.cookies; // a NextRequest
 */
export interface RequestCookieJar {
  get(name: string): { readonly value: string } | undefined;
  set(...cookie: [name: string, value: string] | [cookie: { name: string; value: string }]): unknown;
}

/** The cookies of one incoming request, and those that its response must set. */
export class RequestCookies {
  /** The `Set-Cookie` headers by the name of their cookie. */
  readonly #set = new Map<string, string>();
  readonly #values = new Map<string, string>();
  readonly #jar: CookieJar | undefined;

  /** @param cookies a jar, or the `Cookie` header of the request */
  constructor(cookies: CookieJar | RequestCookieJar | string | null | undefined) {
    // A jar that does not know the attributes ignores them.
    if (typeof cookies === 'object' && cookies) this.#jar = cookies as CookieJar;
    else this.#values = parsedCookies(cookies ?? '');
  }

  /** The complete `Set-Cookie` headers for the response. */
  get headers(): string[] {
    return [...this.#set.values()];
  }

  /** The value of a cookie; `undefined` if it is absent or empty. After `hand` it is the new value. */
  read(name: string): string | undefined {
    const found = this.#values.has(name) ? this.#values.get(name) : this.#jar?.get(name);
    return (typeof found === 'object' ? found?.value : found) || undefined;
  }

  /**
   * Sets a cookie by its `Set-Cookie` header, which stays as it is.
   *
   * @throws what `set` of the jar throws, for example in a server component of Next.js
   */
  hand(header: string): void {
    const { name, value, attributes } = parsedSetCookie(header);
    this.#jar?.set(name, value, attributes);
    // The order is that of the last writes.
    this.#set.delete(name);
    this.#set.set(name, header);
    this.#values.set(name, value);
  }
}

export function parsedSetCookie(header: string) {
  const [pair, ...fields] = header.split(';').map((part) => part.trim());
  const attributes: CookieAttributes & { path: string } = { path: '/' };
  for (const field of fields) {
    const [name, value] = halves(field);
    switch (name.toLowerCase()) {
      case 'path':
        attributes.path = value;
        break;
      case 'domain':
        attributes.domain = value;
        break;
      case 'max-age':
        attributes.maxAge = Number(value);
        break;
      case 'expires':
        attributes.expires = new Date(value);
        break;
      case 'httponly':
        attributes.httpOnly = true;
        break;
      case 'secure':
        attributes.secure = true;
        break;
      case 'partitioned':
        attributes.partitioned = true;
        break;
      case 'samesite':
        attributes.sameSite = value.toLowerCase() as CookieAttributes['sameSite'];
    }
  }
  const [name, value] = halves(pair);
  return { name, value, attributes };
}

function parsedCookies(header: string): Map<string, string> {
  // The first of two cookies with one name counts, as at the server.
  const pairs = header.split(';').map(halves).reverse();
  return new Map(pairs.map(([name, value]) => [name, value.replace(/^"(.*)"$/, '$1')]));
}

function halves(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}
