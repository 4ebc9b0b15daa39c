/** The part of an `AbortSignal` that is used here. Other platforms have no more of it. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener?(type: 'abort', listener: () => void): void;
  removeEventListener?(type: 'abort', listener: () => void): void;
}

/**
 * Does the work, and rejects at once if the signal aborts. Work that has begun continues, because others may wait for its
 * result. Its own failure is then ignored.
 */
export function unlessAborted<T>(signal: AbortSignalLike | null | undefined, work: () => Promise<T>): Promise<T> {
  if (!signal) return work();
  return new Promise((resolve, reject) => {
    const abort = () => reject(reasonOf(signal));
    if (signal.aborted) return abort();
    signal.addEventListener?.('abort', abort);
    void work()
      .then(resolve, reject)
      .then(() => signal.removeEventListener?.('abort', abort));
  });
}

/** A request that was aborted while it waited is not sent. A `fetch` of the application may ignore signals. */
export function refuseAborted(signal: AbortSignalLike | null | undefined): void {
  if (signal?.aborted) throw reasonOf(signal);
}

/** What `fetch` rejects with. React Native and Safari 15 have no `reason`. */
function reasonOf({ reason }: AbortSignalLike): Error {
  return (reason as Error | undefined) ?? Object.assign(new Error('The request was aborted.'), { name: 'AbortError' });
}
