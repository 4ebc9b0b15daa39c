import { Injectable } from '@nestjs/common';
import type { AuthDatabase } from '../../../auth/common/database/auth-database.js';
import { Clock } from '../../../auth/common/time/clock.js';
import type { TimeMeasurement } from '../../../auth/common/time/measured-time.js';

/** Milliseconds. Nothing in memory takes that long. */
const START_TIMEOUT = 30_000;

/** What is left of `AuthDatabase` if the stores are in memory: its time is that of the `Clock`. */
@Injectable()
export class NoDatabase implements Pick<AuthDatabase, 'atStart' | 'onClose' | 'close' | 'onFailure' | 'measureTime'> {
  private readonly ends: (() => void | Promise<void>)[] = [];

  constructor(private readonly clock: Clock) {}

  atStart<T>(_failure: string, attempt: (remaining: number) => Promise<T>): Promise<T> {
    return attempt(START_TIMEOUT);
  }

  onClose(end: () => void | Promise<void>): void {
    this.ends.push(end);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.ends.map(async (end) => end()));
  }

  /** Nothing in memory fails. */
  onFailure(): void {}

  async measureTime(): Promise<TimeMeasurement> {
    return { time: this.clock.now(), at: performance.now(), uncertainty: 0 };
  }
}
