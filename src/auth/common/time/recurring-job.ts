export interface Recurrence {
  /** Milliseconds; 0 means on demand only. */
  readonly interval: number;
  /** Is asked before each run that the timer starts. */
  readonly isDue: () => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

/**
 * Work that runs periodically and on demand, one run at a time.
 *
 * @example
 * const purge = new RecurringJob((stopping) => removeInBatches(stopping));
 * purge.start({ interval: 60_000, isDue: async () => true, onError: (error) => logger.error(error) });
 * purge.stop(); // at the end of the application
 */
export class RecurringJob<Result> {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<Result> | undefined;
  private readonly stopping = new AbortController();

  /** @param work must end early when the signal aborts */
  constructor(private readonly work: (stopping: AbortSignal) => Promise<Result>) {}

  start({ interval, isDue, onError }: Recurrence): void {
    if (interval === 0) return;
    this.timer = setInterval(() => {
      this.runIf(isDue).catch((error: unknown) => {
        // Its connection may have been closed.
        if (!this.stopping.signal.aborted) onError(error);
      });
    }, interval);
    this.timer.unref();
  }

  /** If a run is in progress, waits for that one. */
  run(): Promise<Result> {
    this.running ??= this.work(this.stopping.signal).finally(() => (this.running = undefined));
    return this.running;
  }

  /** Starts no more runs, and asks the one in progress to end early. */
  stop(): void {
    this.stopping.abort();
    clearInterval(this.timer);
  }

  private async runIf(isDue: Recurrence['isDue']): Promise<void> {
    if ((await isDue()) && !this.stopping.signal.aborted) await this.run();
  }
}
