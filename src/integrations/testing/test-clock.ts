import { Clock } from '../../auth/common/time/clock.js';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { duration, LONGEST, parseDuration } from '../../auth/common/options/duration.js';

/** The latest time of a `Date`. */
const LATEST = 8_640_000_000_000_000;

const MOST = parseDuration(LONGEST)!;

/**
 * A clock that stands still until you move it. All times of the module come from it: the expiry of tokens and sessions, the
 * grace window, `@StepUp()`. `AuthTestingModule` has one. In an application with `AuthModule`, override {@link Clock}.
 *
 * Timers do not follow it. An open stream or socket ends by the time of the machine.
 *
 * @example
 * const clock = new TestClock();
 * const moduleRef = await Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(Clock)
 *   .useValue(clock)
 *   .compile();
 * clock.advance('16m');
 */
export class TestClock extends Clock {
  private time: number;

  /**
   * @param start a `Date`, milliseconds since the Unix epoch, or an ISO 8601 text; by default now
   * @throws AuthConfigurationError if it is not a time from 1970 on
   */
  constructor(start: Date | number | string = Date.now()) {
    super();
    this.time = timeOf('new TestClock', start);
  }

  /** Milliseconds since the Unix epoch. */
  override now(): number {
    return this.time;
  }

  /** Moves the clock by that time, and waits for nothing. */
  override async sleep(milliseconds: number): Promise<void> {
    this.time += Math.max(0, Math.ceil(milliseconds));
  }

  /**
   * Moves the clock forward.
   *
   * @param by a duration from `'0s'` to `'400d'`, for example `'15m'`, or milliseconds
   * @throws AuthConfigurationError if it is not such a duration
   */
  advance(by: string | number): void {
    this.time += typeof by === 'number' ? millisecondsOf(by) : duration('0s', LONGEST)('TestClock.advance', by);
  }

  /**
   * Sets the clock, forward or back.
   *
   * @param time a `Date`, milliseconds since the Unix epoch, or an ISO 8601 text
   * @throws AuthConfigurationError if it is not a time from 1970 on
   */
  set(time: Date | number | string): void {
    this.time = timeOf('TestClock.set', time);
  }
}

function millisecondsOf(given: number): number {
  if (Number.isSafeInteger(given) && given >= 0 && given <= MOST) return given;
  throw new AuthConfigurationError(`TestClock.advance takes whole milliseconds from 0 to ${MOST}, or '15m'.`);
}

function timeOf(where: string, given: Date | number | string): number {
  const time = typeof given === 'number' ? given : new Date(given).getTime();
  if (Number.isSafeInteger(time) && time >= 0 && time <= LATEST) return time;
  throw new AuthConfigurationError(
    `${where} takes a Date, whole milliseconds since the Unix epoch, or a text as '2026-01-31T12:00:00Z'.`,
  );
}
