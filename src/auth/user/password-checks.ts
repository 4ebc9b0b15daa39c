import { availableParallelism } from 'node:os';
import { Logger } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { siteOf, subnetOf } from '../common/request/address.js';
import type { ClientContext } from '../common/request/client-context.js';
import { FairQueue } from './fair-queue.js';

/** The request that needs a password check. */
export interface CheckRequest {
  readonly client: ClientContext;
  readonly hasHungUp?: () => boolean;
  /** The account, if the sender has signed in to it before: on this device, or to the session of a step-up. */
  readonly knownAt?: string;
}

/** A check that waits for its place. */
interface Waiting {
  readonly hasHungUp?: () => boolean;
  begin(): void;
  refuse(): void;
}

/** How many strangers may wait for each check that may be under way, and how many others. */
const QUEUED_PER_CHECK = 32;
/** Milliseconds between two lines in the log. */
const LOG_INTERVAL = 60_000;

/**
 * Limits how many password checks are under way at once. Hashing takes a thread of libuv and a core, whether anybody
 * still waits for its result or not. The others wait in two short queues, which take turns: strangers, and those who have
 * signed in before. In each the networks take turns. So a flood of strangers does not keep the others out.
 */
export class PasswordChecks {
  private readonly logger = new Logger('Auth');
  private readonly strangers = new FairQueue<Waiting>();
  private readonly known = new FairQueue<Waiting>();
  private isTurnOfKnown = true;
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
  async enter(request: CheckRequest, limit: number): Promise<() => void> {
    if (this.underWay >= this.concurrent) await this.wait(request, limit);
    else this.underWay++;
    let isUnderWay = true;
    return () => {
      if (isUnderWay) this.leave();
      isUnderWay = false;
    };
  }

  private async wait({ client, hasHungUp, knownAt }: CheckRequest, limit: number): Promise<void> {
    const queue = knownAt === undefined ? this.strangers : this.known;
    const ip = client.ip ?? '';
    const key = [siteOf(ip), subnetOf(ip), knownAt ?? ''];
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = { hasHungUp, begin: resolve, refuse: () => reject(this.refusal()) };
        queue.add(key, waiting);
        if (queue.size > this.concurrent * QUEUED_PER_CHECK) queue.dropNewest()!.refuse();
        timer = setTimeout(() => queue.remove(key, waiting)?.refuse(), limit);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives the place to the next one that waits. */
  private leave(): void {
    for (let next = this.next(); next; next = this.next()) {
      if (!next.hasHungUp?.()) return next.begin();
      next.refuse();
    }
    this.underWay--;
  }

  private next(): Waiting | undefined {
    const [first, second] = this.isTurnOfKnown ? [this.known, this.strangers] : [this.strangers, this.known];
    this.isTurnOfKnown = !this.isTurnOfKnown;
    return first.next() ?? second.next();
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
