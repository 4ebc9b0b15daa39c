/**
 * Work that runs periodically and on demand, one run at a time.
 *
 * @example
 * const purge = new RecurringJob((stopping) => removeInBatches(stopping));
 * purge.start(60_000, (error) => logger.error(error));
 * await purge.stop(); // at the end of the application
 */
export class RecurringJob<Result> {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<Result> | undefined;
  private readonly stopping = new AbortController();

  /** @param work must end early when the signal aborts */
  constructor(private readonly work: (stopping: AbortSignal) => Promise<Result>) {}

  /** @param interval milliseconds; 0 means on demand only */
  start(interval: number, onError: (error: unknown) => void): void {
    if (interval === 0) return;
    this.timer = setInterval(() => void this.run().catch(onError), interval);
    this.timer.unref();
  }

  /** If a run is in progress, waits for that one. */
  run(): Promise<Result> {
    this.running ??= this.work(this.stopping.signal).finally(() => (this.running = undefined));
    return this.running;
  }

  /** Stops the job. Resolves when no run is in progress. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.timer);
    await this.running?.catch(() => undefined);
  }
}
