import { Injectable } from '@nestjs/common';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { GivenUses } from './given-uses.js';
import type { Repeat } from './session-chain.js';

/** What has been written. */
export interface Written {
  readonly row: RefreshToken;
  /** Whether this request is the first of those that were written together. It tells what the row tells of all. */
  readonly isFirst: boolean;
}

/**
 * Writes the rows of repeated answers. Repeats of one session that come at the same moment are written together. Each of
 * them alone would have to wait for the one before.
 */
@Injectable()
export class RepeatWriter {
  /** The changes of this moment, by the version of the row. */
  private readonly waiting = new Map<string, Group>();

  constructor(private readonly store: RefreshTokenStore) {}

  /**
   * Resolves to `undefined` if the session has changed since it was read. A row that did not change is not written.
   */
  async write(before: RefreshToken, { action }: Repeat, after: RefreshToken): Promise<Written | undefined> {
    if (after === before) return { row: after, isFirst: false };
    // Late answers come out of a budget: each needs the row as the one before has left it.
    if (action !== 'repeat')
      return (await this.store.repeat(before, after)) ? { row: after, isFirst: true } : undefined;

    const version = versionOf(before);
    const { rows, written } = this.waiting.get(version) ?? this.begin(version, before);
    rows.push(after);
    const row = await written;
    return row && { row, isFirst: rows[0] === after };
  }

  private begin(version: string, before: RefreshToken): Group {
    const rows: RefreshToken[] = [];
    // Waits until all requests that have arrived are processed.
    const arrived = new Promise((resolve) => setImmediate(resolve));
    const written = arrived.then(async () => {
      this.waiting.delete(version);
      const row = rows.reduce(merged);
      return (await this.store.repeat(before, row)) ? row : undefined;
    });
    const group = { rows, written };
    this.waiting.set(version, group);
    return group;
  }
}

/** Rows that come from the same version of a session. */
interface Group {
  readonly rows: RefreshToken[];
  readonly written: Promise<RefreshToken | undefined>;
}

/** What the write asks for. */
function versionOf({ id, generation, listsVersion, accessFloor }: RefreshToken): string {
  return [id, generation, listsVersion, accessFloor].join();
}

/** Two changes of one row. A step-up knows more of the last use, and a repeat without a claim more of the repeats. */
function merged(one: RefreshToken, other: RefreshToken): RefreshToken {
  const [earlier, later] = one.authTime > other.authTime ? [other, one] : [one, other];
  const repeats = earlier.repeatedGeneration > later.repeatedGeneration ? earlier : later;
  const { repeatedGeneration, repeatedInARow } = repeats;
  return { ...later, repeatedGeneration, repeatedInARow, given: GivenUses.union(one.given, other.given) };
}
