import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { MeasuredTime } from './measured-time.js';

/**
 * The only source of the time of day in the library. It follows the clock of the database, so that all instances agree.
 * Replace it in tests with `Test.createTestingModule(…).overrideProvider(Clock).useValue(yourClock)`.
 */
@Injectable()
export class Clock {
  private databaseTime: MeasuredTime | undefined;

  /**
   * Milliseconds since the Unix epoch, by the clock of the database. Until the module has asked the database at boot, by
   * the clock of this machine.
   */
  now(): number {
    return this.databaseTime?.now() ?? Date.now();
  }

  /** Takes the time from here from now on. The module calls it at boot. */
  follow(databaseTime: MeasuredTime): void {
    this.databaseTime = databaseTime;
  }

  /** Resolves after this number of milliseconds. */
  async sleep(milliseconds: number): Promise<void> {
    await delay(milliseconds);
  }
}
