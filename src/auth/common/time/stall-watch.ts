import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

// Milliseconds.
const INTERVAL = 100;
const SHORTEST_STALL = 1_000;
/** Requests that arrived during a stall are read within this time after it. */
const CATCHING_UP = 1_500;
/** Stalls in quick succession count as one, up to this length. */
const LONGEST_SUCCESSION = 60_000;
/** A process that has stopped computes nothing, or hardly anything just before and after. */
const MOST_OF_STOP = 500;
/** Anybody can keep the process busy, so that an old token still works. Nobody can stop it from outside. */
const LONGEST_BUSY = 5_000;

/**
 * Notices when the event loop stood still: the process was stopped, or was busy. A request that is read afterwards may
 * have arrived at any time of the stall. Of the time in which the process was busy, only the last five seconds count.
 */
@Injectable()
export class StallWatch implements OnModuleInit, OnApplicationShutdown {
  /** By the monotonic clock, like all times here. */
  private tickedAt = Infinity;
  /** Microseconds that this process has computed until then. */
  private computed = 0;
  private stall = { from: -Infinity, to: -Infinity, isStop: false };
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
    const { user, system } = process.cpuUsage();
    const computing = (user + system - this.computed) / 1_000;
    if (now - this.tickedAt > SHORTEST_STALL + INTERVAL) this.stalled(now, computing);
    // After the end it stays at infinity.
    this.tickedAt = Math.max(this.tickedAt, now);
    this.computed = user + system;
    return now;
  }

  private stalled(to: number, computing: number): void {
    // Requests of a stall that ended a moment before may still wait.
    const { stall, tickedAt } = this;
    const continues = tickedAt - stall.to < CATCHING_UP && tickedAt - stall.from < LONGEST_SUCCESSION;
    const isStop = computing < Math.min(MOST_OF_STOP, (to - tickedAt) / 10) || (continues && stall.isStop);
    const from = continues ? stall.from : tickedAt;
    this.stall = { from: isStop ? from : Math.max(from, to - LONGEST_BUSY), to, isStop };
  }
}
