/** What a span says of itself: names and ids, and never a secret. */
export type SpanAttributes = Readonly<Record<string, string>>;

/** Opens spans for a tracing system. The core knows none. */
export interface SpanOpener {
  /** Does work in a span, which is a child of the active one. */
  trace<T>(name: string, work: () => Promise<T>, attributes: SpanAttributes): Promise<T>;
  /** What is active now. */
  active(): unknown;
  /** Does work that several callers wait for. Its spans are linked to what was active at each of them. */
  traceShared<T>(callers: readonly unknown[], work: () => Promise<T>): Promise<T>;
}

/** As tracing systems are, they are those of the process. The last one opens the spans. */
const openers: SpanOpener[] = [];

const NO_ATTRIBUTES: SpanAttributes = {};

/** From now on, spans are opened with this. The returned function ends that. */
export function openSpansWith(opener: SpanOpener): () => void {
  openers.push(opener);
  let isOpen = true;
  return () => {
    if (isOpen) openers.splice(openers.lastIndexOf(opener), 1);
    isOpen = false;
  };
}

/** Does work in a span. Without a tracing system it just does the work. */
export function traced<T>(name: string, work: () => Promise<T>, attributes = NO_ATTRIBUTES): Promise<T> {
  const opener = openers.at(-1);
  return opener ? opener.trace(name, work, attributes) : work();
}

/** What is active now, for `tracedTogether`. */
export function activeSpan(): unknown {
  return openers.at(-1)?.active();
}

/** @param callers what was active at each caller that waits for this work */
export function tracedTogether<T>(callers: readonly unknown[], work: () => Promise<T>): Promise<T> {
  const opener = openers.at(-1);
  return opener ? opener.traceShared(callers, work) : work();
}
