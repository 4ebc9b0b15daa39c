/** What React Native takes for a whole URL: in lower case, with a host of letters or an address of four numbers. */
const WHOLE =
  /^((https?|ftp):)?\/\/([1-9]\d{0,2}(\.\d{1,3}){3}|([\w\u00a1-\uffff-]+\.)*[a-z\u00a1-\uffff]{2,})(:\d{2,5})?([/?#]\S*)?$/;

const PARTS = ['hash', 'host', 'hostname', 'origin', 'password', 'pathname', 'port', 'protocol', 'search', 'username'];

/** How React Native puts a URL together: by gluing strings. Nothing is resolved, encoded or brought to one spelling. */
function glued(url: string, base?: unknown): string {
  if (!base || WHOLE.test(url)) return url;
  if (typeof base === 'string' && !WHOLE.test(base)) throw new TypeError(`Invalid base URL: ${base}`);
  const start = String(base).replace(/\/$/, '');
  const end = url.startsWith('/') ? url : `/${url}`;
  return start.endsWith(end) ? start : start + end;
}

/** What is left of `URLSearchParams`: nothing can be read, changed or parsed. */
export class ReactNativeSearchParams {
  readonly #pairs: string[] = [];

  append(name: string, value: string) {
    this.#pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }

  toString() {
    return this.#pairs.join('&');
  }
}

/** `URL` of React Native up to 0.79: no part of it can be read, and all get a slash at their end. */
export class OldReactNativeUrl {
  readonly #url: string;

  constructor(url: string, base?: unknown) {
    const text = glued(url, base);
    this.#url = text === url && !text.endsWith('/') ? `${text}/` : text;
  }

  get href() {
    return this.#url;
  }

  toString() {
    return this.#url;
  }
}

for (const part of PARTS) {
  Object.defineProperty(OldReactNativeUrl.prototype, part, {
    get() {
      throw new Error(`URL.${part} is not implemented`);
    },
  });
}

/** `URL` of React Native since 0.80: its parts are found by regular expressions. `origin` includes a user name. */
export class ReactNativeUrl {
  readonly #url: string;

  constructor(url: string, base?: unknown) {
    const text = glued(url, base);
    this.#url = /^\w+:\/\/[^/?#]+$/.test(text) ? `${text}/` : text;
  }

  get href() {
    return this.#url;
  }

  get origin() {
    return this.#part(/^https?:\/\/[^/]+/);
  }

  get protocol() {
    return this.#part(/^[a-zA-Z][a-zA-Z\d+.-]*:/);
  }

  get pathname() {
    return /^https?:\/\/[^/]+(\/[^?#]*)/.exec(this.#url)?.[1] ?? '/';
  }

  get search() {
    return this.#part(/\?[^#]*/);
  }

  get hash() {
    return this.#part(/#[^/]*/);
  }

  toString() {
    return this.#url;
  }

  #part(pattern: RegExp): string {
    return pattern.exec(this.#url)?.[0] ?? '';
  }
}
