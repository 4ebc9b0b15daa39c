import { PgliteError } from './errors.js';

interface Waiting {
  admit(): void;
  refuse(error: PgliteError): void;
}

/** Lets one caller at a time through, in the order of arrival. */
export class Turnstile {
  #taken = false;
  #waiting: Waiting[] = [];

  /**
   * Resolves when it is the caller's turn. The turn lasts until {@link pass}.
   *
   * @param timeout the longest wait in milliseconds; 0 for no limit.
   * @throws {PgliteError} `pglite_busy` after that time; the error passed to {@link refuseWaiting}.
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

  /** Ends the turn and starts the next one. */
  pass(): void {
    const next = this.#waiting.shift();
    if (next) next.admit();
    else this.#taken = false;
  }

  /** Rejects all waiting callers. The current turn continues. */
  refuseWaiting(error: PgliteError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.refuse(error);
  }
}
