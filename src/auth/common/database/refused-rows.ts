import type { Logger } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { faultOf } from './fault.js';

/** After this number of rows, a run does not look for single rows any more. */
const MOST_ROWS = 10_000;

/**
 * Whether the error may be about single rows. If the permission or the table is missing, or the database does not answer,
 * it is about all of them.
 */
export function isOfRows(error: unknown): boolean {
  if (!(error instanceof QueryFailedError)) return false;
  const fault = faultOf(error);
  // SQLite's errors look like those of a driver that gave up, except for their text.
  return fault === 'unanswered' ? !/time.?out/i.test(error.message) : !['refused', 'lost'].includes(fault);
}

/** The rows that the database refused to change in one run, for example because of a foreign key or a trigger. */
export class RefusedRows {
  count = 0;
  /** What the database said of the first of them. */
  error: unknown;

  /** Whether a refused statement is to be repeated for fewer rows. */
  get isWorthSplitting(): boolean {
    return this.count < MOST_ROWS;
  }

  add(rows: number, error: unknown): void {
    this.error ??= error;
    this.count += rows;
  }

  /**
   * Says it once.
   *
   * @param message continues the number of rows
   */
  report(logger: Logger, message: string): void {
    if (this.count > 0) logger.error(`${this.count} ${message}: ${String(this.error)}`);
  }
}
