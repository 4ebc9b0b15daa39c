/** What servers write to remove a cookie. */
const REMOVED = /^(max-age=(0|-\d+)|expires=\w+, 01.Jan.1970 .*)$/i;

/** The cookies of one client. It sends `Secure` cookies over plain HTTP too, because a test has no TLS. */
export class KeptCookies {
  private readonly values = new Map<string, string>();

  /** The value of a cookie, as its header has it. */
  get(name: string): string | undefined {
    return this.values.get(name);
  }

  /** The value of the header `Cookie`; `undefined` if there are no cookies. */
  get header(): string | undefined {
    if (this.values.size === 0) return undefined;
    return [...this.values].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** @param headers the `Set-Cookie` headers of an answer */
  update(headers: readonly string[] = []): void {
    for (const header of headers) {
      const [pair, ...attributes] = header.split(';').map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const isRemoved = attributes.some((attribute) => REMOVED.test(attribute));
      if (isRemoved) this.values.delete(name);
      else this.values.set(name, value);
    }
  }
}
