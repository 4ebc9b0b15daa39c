import { availableParallelism } from 'node:os';
import { Logger } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { subnetOf } from '../common/request/address.js';
import type { ClientContext } from '../common/request/client-context.js';
import { FairQueue } from './fair-queue.js';

/** The request that needs a password check. */
export interface CheckRequest {
  readonly client: ClientContext;
  readonly hasHungUp?: () => boolean;
}

/** A check that waits for its place. */
interface Waiting {
  readonly hasHungUp?: () => boolean;
  begin(): void;
  refuse(): void;
}

/** How many may wait for each check that may be under way. */
const QUEUED_PER_CHECK = 32;
/** Milliseconds between two lines in the log. */
const LOG_INTERVAL = 60_000;

/**
 * Limits how many password checks are under way at once. Hashing takes a thread of libuv and a core, whether anybody
 * still waits for its result or not. The others wait in a short queue, in which the addresses take turns.
 */
export class PasswordChecks {
  private readonly logger = new Logger('Auth');
  private readonly queue = new FairQueue<Waiting>();
  private underWay = 0;
  private loggedAt = -Infinity;

  constructor(private readonly concurrent: number) {}

  /**
   * Waits until a check may begin.
   *
   * @param limit milliseconds to wait at most
   * @returns what to call when the check has settled
   * @throws AuthError `temporarily_unavailable`, overloaded, if too many others wait, or for too long
   */
  async enter({ client, hasHungUp }: CheckRequest, limit: number): Promise<() => void> {
    if (this.underWay >= this.concurrent) await this.wait(subnetOf(client.ip ?? ''), hasHungUp, limit);
    else this.underWay++;
    let isUnderWay = true;
    return () => {
      if (isUnderWay) this.leave();
      isUnderWay = false;
    };
  }

  private async wait(key: string, hasHungUp: CheckRequest['hasHungUp'], limit: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = { hasHungUp, begin: resolve, refuse: () => reject(this.refusal()) };
        this.queue.add(key, waiting);
        if (this.queue.size > this.concurrent * QUEUED_PER_CHECK) this.queue.dropNewest()!.refuse();
        timer = setTimeout(() => this.queue.remove(key, waiting)?.refuse(), limit);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives the place to the next one that waits. */
  private leave(): void {
    for (let next = this.queue.next(); next; next = this.queue.next()) {
      if (!next.hasHungUp?.()) return next.begin();
      next.refuse();
    }
    this.underWay--;
  }

  private refusal(): AuthError {
    const now = performance.now();
    if (now - this.loggedAt >= LOG_INTERVAL) {
      this.loggedAt = now;
      this.logger.warn(
        `${this.concurrent} password checks are under way and too many wait: some logins are answered with 503. If ` +
          'your user provider asks another server for them, set concurrentPasswordChecks to a higher number.',
      );
    }
    return new AuthError('temporarily_unavailable', 'Too many users are signing in. Try again.', { overloaded: true });
  }
}

/**
 * One for each core, and at least two, so that a check that hangs does not stop the others. At most one less than libuv
 * has threads, so that one remains for everything else that needs a thread.
 */
function asManyAsTheMachineCarries(): number {
  // libuv reads it in the same way. Without it, there are four threads.
  const threads = Number.parseInt(process.env.UV_THREADPOOL_SIZE ?? '4', 10) || 1;
  return Math.max(1, Math.min(Math.max(2, availableParallelism()), threads - 1));
}

/** All modules of a process that do not say otherwise share its cores and threads. */
const ofProcess = new PasswordChecks(asManyAsTheMachineCarries());

/** @param concurrent `undefined` for as many as the machine carries */
export function passwordChecksOf(concurrent: number | undefined): PasswordChecks {
  return concurrent === undefined ? ofProcess : new PasswordChecks(concurrent);
}
