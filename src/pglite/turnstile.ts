import { PgliteError } from './errors.js';

interface Waiting {
  admit(): void;
  refuse(error: PgliteError): void;
}

/** Lets one through at a time, in the order in which they came. */
export class Turnstile {
  #taken = false;
  #waiting: Waiting[] = [];

  /**
   * Resolves when it is the caller's turn, which lasts until {@link pass}.
   *
   * @param timeout milliseconds to wait at most; 0 for as long as it takes.
   * @throws {PgliteError} `pglite_busy` after that time; what {@link refuseWaiting} is given.
   */
  async take(timeout = 0): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        admit: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(new PgliteError('pglite_busy', `(Waited ${timeout} ms.)`));
      };
      const timer = timeout > 0 ? setTimeout(giveUp, timeout) : undefined;
      this.#waiting.push(waiting);
    });
  }

  /** Ends the turn, and admits the next. */
  pass(): void {
    const next = this.#waiting.shift();
    if (next) next.admit();
    else this.#taken = false;
  }

  /** Sends everyone away who waits. The turn that is being taken goes on. */
  refuseWaiting(error: PgliteError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.refuse(error);
  }
}
