import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';

/**
 * The only source of wall-clock time in the library. Replace it in tests with
 * `Test.createTestingModule(…).overrideProvider(Clock).useValue(yourClock)`.
 */
@Injectable()
export class Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number {
    return Date.now();
  }

  /** Resolves after this number of milliseconds. */
  async sleep(milliseconds: number): Promise<void> {
    await delay(milliseconds);
  }
}
