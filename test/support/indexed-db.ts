import { onTestFinished } from 'vitest';

/** How the IndexedDB of a platform fails. */
export type IndexedDbFault =
  /** `open` never fires an event: it is blocked. */
  | 'open hangs'
  /** As in a sandboxed frame. */
  | 'open throws'
  /** As in a private window. */
  | 'open is refused'
  /** As on a full disk. */
  | 'writes are aborted'
  /** As where key objects cannot be cloned. */
  | 'put throws'
  /** A transaction never fires an event. */
  | 'transactions hang'
  /** A key that was written is read as nothing. */
  | 'reads are empty';

interface FakeRequest {
  result?: unknown;
  error?: Error;
  onsuccess?: () => void;
  onerror?: () => void;
  onupgradeneeded?: () => void;
}

/** The IndexedDB that Node.js does not have, for one test. It can fail as those of browsers do. */
export class FakeIndexedDb {
  fault: IndexedDbFault | undefined;
  /** By the name of the key. */
  readonly kept = new Map<string, unknown>();
  #hasStore = false;
  #blocked: (() => void)[] = [];

  static install(): FakeIndexedDb {
    const fake = new FakeIndexedDb();
    Object.defineProperty(globalThis, 'indexedDB', { value: fake, configurable: true });
    onTestFinished(() => void Reflect.deleteProperty(globalThis, 'indexedDB'));
    return fake;
  }

  /** The fault is over: the requests that hang are answered. */
  release(): void {
    this.fault = undefined;
    for (const answer of this.#blocked.splice(0)) answer();
  }

  open(): FakeRequest {
    if (this.fault === 'open throws') throw new DOMException('The operation is insecure.', 'SecurityError');
    const request: FakeRequest = { result: this.#database() };
    const answer = () => {
      if (this.fault === 'open is refused') {
        request.error = new DOMException('A mutation operation was attempted.', 'InvalidStateError');
        return request.onerror?.();
      }
      if (!this.#hasStore) request.onupgradeneeded?.();
      request.onsuccess?.();
    };
    if (this.fault === 'open hangs') this.#blocked.push(answer);
    else setImmediate(answer);
    return request;
  }

  #database() {
    return {
      version: 1,
      objectStoreNames: { contains: () => this.#hasStore },
      createObjectStore: () => (this.#hasStore = true),
      transaction: (_: string, mode: string) => this.#transaction(mode),
      close: () => {},
    };
  }

  #transaction(mode: string) {
    const work: (() => void)[] = [];
    const transaction: { error?: Error; oncomplete?: () => void; onabort?: () => void; objectStore(): object } = {
      objectStore: () => ({
        get: (key: string) => {
          const request: FakeRequest = {};
          work.push(() => {
            request.result = this.fault === 'reads are empty' ? undefined : this.kept.get(key);
            request.onsuccess?.();
          });
          return request;
        },
        put: (value: unknown, key: string) => {
          if (this.fault === 'put throws') throw new DOMException('It cannot be cloned.', 'DataCloneError');
          work.push(() => this.fault === 'writes are aborted' || this.kept.set(key, value));
        },
        delete: (key: string) => void work.push(() => this.kept.delete(key)),
      }),
    };
    if (this.fault === 'transactions hang') return transaction;
    setImmediate(() => {
      try {
        for (let next = work.shift(); next; next = work.shift()) next();
      } catch (error) {
        // What throws in an event of a transaction aborts it.
        transaction.error = error as Error;
        return transaction.onabort?.();
      }
      if (this.fault !== 'writes are aborted' || mode === 'readonly') return transaction.oncomplete?.();
      transaction.error = new DOMException('The disk is full.', 'QuotaExceededError');
      transaction.onabort?.();
    });
    return transaction;
  }
}
