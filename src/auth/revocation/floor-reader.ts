import type { RaisedFloor } from '../session/access-floor.js';
import type { RefreshTokenStore } from '../session/refresh-token.store.js';

/** Rows of one statement. The event loop handles them in a few milliseconds. */
const PAGE = 500;
/** Gives a statement up that takes too long. */
type Limited = <T>(statement: Promise<T>) => Promise<T>;

/**
 * Reads raised floors from the table, and reads each of them once.
 *
 * It first asks for the number of floors of each second, and for two sums. It then reads the seconds for which they differ
 * from what it has read, page by page. So a change that was committed late is found, and a mass revocation is not read
 * again.
 */
export class FloorReader {
  /** What was read of each second. */
  private readonly read = new Map<number, string>();

  constructor(
    private readonly store: RefreshTokenStore,
    private readonly found: (floor: RaisedFloor) => void,
  ) {}

  /**
   * Reads what was raised since then.
   *
   * @param from milliseconds since the Unix epoch, by the clock of the database
   */
  async readSince(from: number, limited: Limited): Promise<void> {
    const first = Math.floor(from / 1000);
    const seconds = await limited(this.store.raisedSeconds(first * 1000));
    for (const { second, content } of seconds) {
      if (this.read.get(second) === content) continue;
      this.read.set(second, await this.readSecond(second, limited));
    }
  }

  /** Forgets the seconds before that time. */
  forgetBefore(time: number): void {
    const first = Math.floor(time / 1000);
    for (const second of this.read.keys()) if (second < first) this.read.delete(second);
  }

  /** Resolves to the content that was read. If it is not all there is, the second is read again. */
  private async readSecond(second: number, limited: Limited): Promise<string> {
    const end = (second + 1) * 1000;
    let from = second * 1000;
    let after: string | undefined;
    // The sums are beyond 2^53.
    const content = [0n, 0n, 0n];
    for (;;) {
      const page = await limited(this.store.raisedBetween(from, end, after, PAGE));
      for (const raised of page) {
        this.found(raised);
        [1, raised.raisedAt, raised.floor].forEach((value, index) => (content[index] += BigInt(value)));
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return content.join(' ');
      from = last.raisedAt;
      after = last.sessionId;
    }
  }
}
