/** What was learned from asking another clock for its time. */
export interface TimeMeasurement {
  /** Milliseconds since the Unix epoch, by the other clock. */
  readonly time: number;
  /** When it was that time, by the monotonic clock (`performance.now()`). */
  readonly at: number;
  /** Milliseconds by which `time` may be wrong: half of the round trip. */
  readonly uncertainty: number;
}

/** Milliseconds. The answer to a worse measurement came late, so it says little. */
const WORST_UNCERTAINTY = 500;
/** How fast a measurement loses its value: the monotonic clocks of machines differ by less than 1 ms in 10 s. */
const DRIFT = 1e-4;

/**
 * The time of another clock, from measurements. Between them the monotonic clock of this process counts. So a wall clock
 * that is wrong, or is set, does not matter.
 */
export class MeasuredTime {
  private best: TimeMeasurement | undefined;

  /** Milliseconds since the Unix epoch; `undefined` before the first measurement. */
  now(): number | undefined {
    return this.best && Math.round(this.best.time + performance.now() - this.best.at);
  }

  /** Uses a measurement if it is better than what is known, or contradicts it. Small differences move nothing. */
  add(measurement: TimeMeasurement): void {
    if (this.isBetter(measurement)) this.best = measurement;
  }

  private isBetter({ time, at, uncertainty }: TimeMeasurement): boolean {
    if (!this.best) return true;
    if (uncertainty > WORST_UNCERTAINTY) return false;
    const expected = this.best.time + at - this.best.at;
    const known = this.best.uncertainty + (at - this.best.at) * DRIFT;
    return uncertainty < known || Math.abs(time - expected) > uncertainty;
  }
}
