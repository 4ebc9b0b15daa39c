import { Injectable } from '@nestjs/common';
import { batchCalls } from '../common/time/batch-calls.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { GivenUses } from './given-uses.js';
import type { RefreshAttempt } from './refresh-attempt.js';
import type { Repeat } from './session-chain.js';

/** A row as it was read, and as it is to be written. */
interface Change {
  readonly before: RefreshToken;
  readonly after: RefreshToken;
}

/** What has been written. */
export interface Written {
  readonly row: RefreshToken;
  /** Whether this request is the first of those that were written together. It tells what the row tells of all. */
  readonly isFirst: boolean;
}

/** The most repeats that are written together. */
const MOST_TOGETHER = 64;

/**
 * Writes the rows of repeated answers. Repeats of one session that come at the same moment are written together. Each of
 * them alone would have to wait for the one before.
 */
@Injectable()
export class RepeatWriter {
  private readonly writeTogether = batchCalls((changes: readonly Change[]) => this.writeAll(changes), MOST_TOGETHER);

  constructor(private readonly store: RefreshTokenStore) {}

  /**
   * Resolves to `undefined` if the session has changed since it was read. A row that did not change is not written.
   */
  async write(
    { session, reauthenticate }: RefreshAttempt,
    { action }: Repeat,
    after: RefreshToken,
  ): Promise<Written | undefined> {
    if (after === session) return { row: after, isFirst: false };
    // Late answers come out of a budget, and a step-up changes more than the lists.
    if (action === 'repeat' && !reauthenticate) return this.writeTogether({ before: session, after });
    return (await this.store.repeat(session, after)) ? { row: after, isFirst: true } : undefined;
  }

  private async writeAll(changes: readonly Change[]): Promise<(Written | undefined)[]> {
    const groups = new Map<string, Change[]>();
    for (const change of changes) {
      const of = versionOf(change.before);
      groups.set(of, [...(groups.get(of) ?? []), change]);
    }
    const written = new Map<Change, Written>();
    await Promise.all(
      [...groups.values()].map(async (group) => {
        const row = merged(group);
        if (!(await this.store.repeat(group[0].before, row))) return;
        group.forEach((change, index) => written.set(change, { row, isFirst: index === 0 }));
      }),
    );
    return changes.map((change) => written.get(change));
  }
}

/** What the write asks for: changes of the same version can be written by one statement. */
function versionOf({ id, generation, listsVersion, accessFloor }: RefreshToken): string {
  return [id, generation, listsVersion, accessFloor].join();
}

function merged(changes: readonly Change[]): RefreshToken {
  const [first, ...others] = changes.map(({ after }) => after);
  return others.reduce((row, { given, ...other }) => {
    return { ...row, ...other, given: GivenUses.union(row.given, given) };
  }, first);
}
