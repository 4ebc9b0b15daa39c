import type { Logger } from '@nestjs/common';
import type { MeasuredTime } from '../common/time/measured-time.js';

/** Milliseconds. A machine whose clock is off by more is reported. */
const WORST_OFFSET = 5_000;

/** How far the clock of this machine is from the clock of the database. */
export class ClockOffset {
  private toldOff = false;

  constructor(
    private readonly databaseTime: MeasuredTime,
    private readonly logger: Logger,
  ) {}

  /** Milliseconds by which the clock of this machine is ahead. */
  get current(): number {
    const wallClock = Date.now();
    return wallClock - (this.databaseTime.now() ?? wallClock);
  }

  /** Says once that the clock of this machine is off, and once that it no longer is. */
  report(): void {
    const { current } = this;
    const off = Math.abs(current) > WORST_OFFSET;
    if (off === this.toldOff) return;
    this.toldOff = off;
    if (!off) return this.logger.log('The clock of this machine agrees with the clock of the database again.');
    const seconds = Math.abs(current / 1000).toFixed(1);
    this.logger.warn(
      `The clock of this machine is ${seconds} s ${current > 0 ? 'ahead of' : 'behind'} the clock of the database. ` +
        'Sessions and tokens use the time of the database. Correct the clock of this machine, for example by NTP.',
    );
  }
}
