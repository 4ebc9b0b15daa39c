import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

// Milliseconds.
const INTERVAL = 100;
const SHORTEST_STALL = 1_000;
/** Requests that arrived during a stall are read within this time after it. */
const CATCHING_UP = 1_500;
/** Stalls in quick succession count as one, up to this length. */
const LONGEST_SUCCESSION = 60_000;

/**
 * Notices when the event loop stood still: the process was stopped, or was busy. A request that is read afterwards may
 * have arrived at any time of the stall.
 */
@Injectable()
export class StallWatch implements OnModuleInit, OnApplicationShutdown {
  /** By the monotonic clock, like all times here. */
  private tickedAt = Infinity;
  private stall = { from: -Infinity, to: -Infinity };
  private timer: NodeJS.Timeout | undefined;

  onModuleInit(): void {
    this.tickedAt = performance.now();
    this.timer = setInterval(() => this.tick(), INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.tickedAt = Infinity;
  }

  /** Milliseconds by which a request that is read right now may have arrived earlier. 0 if no stall has just ended. */
  lag(): number {
    // The request may be read before the timer fires.
    const now = this.tick();
    return now - this.stall.to < CATCHING_UP ? Math.round(now - this.stall.from) : 0;
  }

  private tick(): number {
    const now = performance.now();
    if (now - this.tickedAt > SHORTEST_STALL + INTERVAL) this.stall = { from: this.stallBegan(), to: now };
    // After the end it stays at infinity.
    this.tickedAt = Math.max(this.tickedAt, now);
    return now;
  }

  /** Requests of a stall that ended a moment before may still wait. */
  private stallBegan(): number {
    const { from, to } = this.stall;
    const continues = this.tickedAt - to < CATCHING_UP && this.tickedAt - from < LONGEST_SUCCESSION;
    return continues ? from : this.tickedAt;
  }
}
