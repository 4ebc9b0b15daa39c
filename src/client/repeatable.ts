/** Whether a body is used up by sending it. */
export function isStream(body: unknown): boolean {
  const given = Object(body) as object;
  return 'getReader' in given || 'pipe' in given || Symbol.asyncIterator in given;
}

/**
 * The copies of a request, one for each time it is sent. A `Request` is used up by sending it, so it is cloned before. The
 * memory for its body is held until `drop` is called.
 */
export interface Copies {
  /** Whether the request can be sent again. */
  hasNext(): boolean;
  /**
   * The request to send now.
   *
   * @param isLast whether it will not be sent again
   */
  take(isLast?: boolean): string | Request;
  /** The body as text, if there is a copy of it and it is text. */
  text(): Promise<string | undefined>;
  drop(): void;
}

/** @param body the body that is given in addition to `request`. A stream can be sent once. */
export function copiesOf(request: string | Request, body: unknown): Copies {
  let next: string | Request | undefined = request;
  // Firefox and Safari hide the body of a `Request`. Those methods have none.
  const isUsedUp =
    body == null && typeof request === 'object' && request.body !== null && !/^(GET|HEAD)$/.test(request.method);

  const copyOf = (one: string | Request) => {
    if (!isUsedUp || typeof one === 'string') return one;
    return one.bodyUsed ? undefined : one.clone();
  };

  return {
    hasNext: () => next !== undefined,
    take(isLast) {
      const taken = next!;
      next = isLast || isStream(body) ? undefined : copyOf(taken);
      return taken;
    },
    async text() {
      if (body != null || typeof next !== 'object') return typeof body === 'string' ? body : undefined;
      return next.clone().text();
    },
    drop() {
      if (isUsedUp && typeof next === 'object') next.body?.cancel().catch(() => undefined);
      next = undefined;
    },
  };
}
