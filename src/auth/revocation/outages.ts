/** Milliseconds. A read that takes less is normal. */
const SLOW_READING = 1_000;
/** Milliseconds. Longer outages count as this long. */
const LONGEST_OUTAGE = 120_000;
/** Milliseconds for which outages are remembered. */
const OUTAGES_KEPT = 300_000;

/** The times in which this instance could not read the table. All times are by the monotonic clock, in milliseconds. */
export class Outages {
  /** When the first read began that has not succeeded yet. */
  private triedSince: number | undefined;
  /** When a failed statement began that the next read is to explain. */
  private suspectedSince: number | undefined;
  /** Whether the latest read has failed. */
  isFailing = false;
  private past: { from: number; to: number }[] = [];

  /** Whether a failed statement says something new: no read is under way that will tell more. */
  get isUnsuspecting(): boolean {
    return this.triedSince === undefined && this.suspectedSince === undefined;
  }

  /** A statement that began then has failed. */
  suspect(startedAt: number): void {
    this.suspectedSince = startedAt;
  }

  /** A read begins. */
  tried(startedAt: number): void {
    this.triedSince ??= startedAt;
  }

  /** A read has failed. */
  failed(): void {
    this.isFailing = true;
  }

  /** The read that began then has succeeded. */
  ended(startedAt: number): void {
    const now = performance.now();
    // The first read after the failed statement went well: it was the statement's own trouble, for example a locked row.
    if (this.triedSince === startedAt && now - startedAt <= SLOW_READING) this.suspectedSince = undefined;
    this.past = [...this.past, ...this.until(now)].filter(({ to }) => to > now - OUTAGES_KEPT);
    this.triedSince = undefined;
    this.suspectedSince = undefined;
    this.isFailing = false;
  }

  /** Milliseconds since then in which the table could not be read, at most two minutes. */
  since(from: number): number {
    const lasted = [...this.past, ...this.until(performance.now())].map((one) =>
      Math.max(0, one.to - Math.max(one.from, from)),
    );
    return Math.min(Math.round(lasted.reduce((total, time) => total + time, 0)), LONGEST_OUTAGE);
  }

  /** The outage that lasts until now, if there is one. */
  private until(now: number): { from: number; to: number }[] {
    const { triedSince = now, suspectedSince = triedSince } = this;
    const confirmed = this.isFailing || now - triedSince > SLOW_READING;
    const from = confirmed ? Math.min(triedSince, suspectedSince) : triedSince;
    if (now - from <= SLOW_READING) return [];
    // What was suspected may have begun in the outage before.
    return [{ from: Math.max(from, this.past.at(-1)?.to ?? from), to: now }];
  }
}
