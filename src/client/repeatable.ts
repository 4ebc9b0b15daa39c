/** Whether a body is used up by sending it. */
export function isStream(body: unknown): boolean {
  const given = Object(body) as object;
  return 'getReader' in given || 'pipe' in given || Symbol.asyncIterator in given;
}

/**
 * The copies of a request, one for each time it is sent. A `Request` is used up by sending it, so it is cloned before. The
 * memory for its body is held until `drop` is called.
 */
export class Copies {
  #next: string | Request | undefined;
  readonly #body: unknown;

  /** @param body the body that is given in addition to `request`. A stream can be sent once. */
  constructor(request: string | Request, body: unknown) {
    this.#next = request;
    this.#body = body;
  }

  /** Whether the request can be sent again. */
  get hasNext(): boolean {
    return this.#next !== undefined;
  }

  /**
   * The request to send now.
   *
   * @param isLast whether it will not be sent again
   */
  take(isLast = false): string | Request {
    const request = this.#next!;
    this.#next = isLast || isStream(this.#body) ? undefined : this.#copyOf(request);
    return request;
  }

  /** The body as text, if there is a copy of it and it is text. */
  async text(): Promise<string | undefined> {
    const next = this.#next;
    if (this.#body != null || typeof next !== 'object') return typeof this.#body === 'string' ? this.#body : undefined;
    return next.clone().text();
  }

  drop(): void {
    const next = this.#next;
    this.#next = undefined;
    if (typeof next === 'object' && this.#isUsedUp(next)) next.body?.cancel().catch(() => undefined);
  }

  #copyOf(request: string | Request): string | Request | undefined {
    if (typeof request === 'string' || !this.#isUsedUp(request)) return request;
    return request.bodyUsed ? undefined : request.clone();
  }

  /** Firefox and Safari hide the body of a `Request`. Those methods have none. */
  #isUsedUp({ body, method }: Request): boolean {
    return this.#body == null && body !== null && method !== 'GET' && method !== 'HEAD';
  }
}
