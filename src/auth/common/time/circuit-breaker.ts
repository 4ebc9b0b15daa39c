import { withTimeout } from './with-timeout.js';

/** Milliseconds after which a service that does not answer counts as unavailable. */
const LIMIT = 1_000;
/** Milliseconds for which an unavailable service is not asked again. */
const PAUSE = 5_000;

/** The name of the service in messages, and what happens when its state changes. */
export interface WatchedService {
  readonly name: string;
  /** It has become unavailable. Called once per outage. */
  failed?(error: unknown): void;
  /** It answers again. */
  recovered?(): void;
}

/**
 * Asks a service that may be unavailable. A call takes one second at most. After a failure calls fail at once, except
 * for one call every five seconds. So an outage delays few requests.
 */
export class CircuitBreaker {
  private failedAt: number | undefined;
  private trying = false;

  /** @param now milliseconds, by any clock */
  constructor(
    private readonly service: WatchedService,
    private readonly now: () => number,
  ) {}

  /** @throws the error of the call; an error if the call takes too long, or the service is unavailable */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const wasAvailable = this.failedAt === undefined;
    if (!wasAvailable && (this.trying || this.isPaused)) throw new Error(`${this.service.name}: still unavailable`);
    if (!wasAvailable) this.trying = true;
    try {
      const result = await withTimeout(LIMIT, this.service.name, call());
      this.succeed();
      return result;
    } catch (error) {
      this.fail(error);
      throw error;
    } finally {
      if (!wasAvailable) this.trying = false;
    }
  }

  private get isPaused(): boolean {
    const since = this.now() - this.failedAt!;
    // The clock may have been set back.
    return since >= 0 && since < PAUSE;
  }

  private succeed(): void {
    if (this.failedAt === undefined) return;
    this.failedAt = undefined;
    this.service.recovered?.();
  }

  private fail(error: unknown): void {
    const isNew = this.failedAt === undefined;
    this.failedAt = this.now();
    if (isNew) this.service.failed?.(error);
  }
}
