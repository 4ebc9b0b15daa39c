import { createHmac } from 'node:crypto';
import type { ReceivedWith } from './token-use.js';

/** How many uses a list holds. One more marks it as overflowed; then it judges nobody. Nothing is ever evicted. */
const MOST_USES = 16;

const HASH_BYTES = 9;
const DISTANCE_AT = HASH_BYTES;
const RETRIES_AT = DISTANCE_AT + 2;
const USE_BYTES = RETRIES_AT + 1;
/** Without unused bits, because the bytes are a multiple of three. */
const USE_CHARACTERS = (USE_BYTES / 3) * 4;
const ENTRY = new RegExp(`.{${USE_CHARACTERS}}`, 'g');

/** A sign-in presents no token. The first token has the generation after it. */
export const SIGN_IN = -1;
const LONGEST_DISTANCE = 2 ** 16 - 1;
const MOST_RETRIES = 255;

/** A use of a token: the generation that was presented, and the key of the client. */
export interface Use {
  readonly generation: number;
  /** `undefined` for a client that sent none. All such uses of a token are one: the anonymous use. */
  readonly key: string | undefined;
}

/** One entry of a list. */
interface GivenUse {
  /** Hash of the presented generation and the key, keyed by the root of the tokens. base64url. */
  readonly hash: string;
  /** How many generations the presented token was behind the one that it was answered with. */
  readonly distance: number;
  /** How often the answer was repeated after its window. */
  readonly lateRetries: number;
}

/**
 * The uses to which the token of one generation was given: a column of the session. Neither the keys of the clients nor
 * anything that could be replayed is in it. Immutable.
 */
export class GivenUses {
  /** @param of the token that was given */
  private constructor(
    private readonly of: GivenToken,
    private readonly uses: readonly GivenUse[],
  ) {}

  /** @param column `null` if the uses are not known; that accuses nobody */
  static read(of: GivenToken, column: string | null): GivenUses | undefined {
    if (column === null) return undefined;
    const uses = entriesOf(column).map((entry) => {
      const bytes = Buffer.from(entry, 'base64url');
      return {
        hash: bytes.toString('base64url', 0, HASH_BYTES),
        distance: bytes.readUInt16BE(DISTANCE_AT),
        lateRetries: bytes.readUInt8(RETRIES_AT),
      };
    });
    return new GivenUses(of, uses);
  }

  /** A token that was given to one use. */
  static to(of: GivenToken, use: Use): GivenUses {
    return new GivenUses(of, []).with(use);
  }

  /** Whether the column has more uses than a list holds. */
  static hasOverflowed(column: string | null): boolean {
    return column !== null && column.length > MOST_USES * USE_CHARACTERS;
  }

  /** The value of the column, with the uses of another copy of it. */
  static union(column: string | null, other: string | null): string | null {
    if (column === null || other === null) return null;
    const known = new Set<string>();
    const hashLength = (HASH_BYTES / 3) * 4;
    const different = entriesOf(column + other).filter((entry) => {
      const hash = entry.slice(0, hashLength);
      return !known.has(hash) && known.add(hash);
    });
    return different.slice(0, MOST_USES + 1).join('');
  }

  /** The value of the column. */
  toString(): string {
    return this.uses
      .map(({ hash, distance, lateRetries }) => {
        const bytes = Buffer.alloc(USE_BYTES);
        bytes.write(hash, 'base64url');
        bytes.writeUInt16BE(distance, DISTANCE_AT);
        bytes.writeUInt8(lateRetries, RETRIES_AT);
        return bytes.toString('base64url');
      })
      .join('');
  }

  get overflowed(): boolean {
    return this.uses.length > MOST_USES;
  }

  /** How often the answer to this use was repeated after its window; `undefined` if the use is not in the list. */
  lateRetriesOf(use: Use): number | undefined {
    const hash = this.hashOf(use);
    return this.uses.find((one) => one.hash === hash)?.lateRetries;
  }

  /** Whether the list has a use that the client does not name. */
  hasOthersThan({ keys }: ReceivedWith): boolean {
    if (this.overflowed) return false;
    return !this.uses.every(({ hash, distance }) => {
      const generation = this.of.generation - distance;
      return keys.some((key) => this.hashOf({ generation, key }) === hash);
    });
  }

  /** The list with this use. */
  with(use: Use): GivenUses {
    const hash = this.hashOf(use);
    if (this.overflowed || this.uses.some((one) => one.hash === hash)) return this;
    const distance = this.of.generation - use.generation;
    return new GivenUses(this.of, [
      ...this.uses,
      { hash, distance: Math.min(distance, LONGEST_DISTANCE), lateRetries: 0 },
    ]);
  }

  /** The list after the answer to this use was repeated once more. */
  withLateRetry(use: Use): GivenUses {
    const hash = this.hashOf(use);
    const counted = ({ lateRetries, ...one }: GivenUse) => ({
      ...one,
      lateRetries: Math.min(lateRetries + 1, MOST_RETRIES),
    });
    return new GivenUses(
      this.of,
      this.uses.map((one) => (one.hash === hash ? counted(one) : one)),
    );
  }

  private hashOf({ generation, key }: Use): string {
    const presented = Buffer.alloc(4);
    // The generations of tokens have 32 bits. The last of them stands for a sign-in.
    presented.writeUInt32BE(generation >>> 0);
    return createHmac('sha256', this.of.root)
      .update(presented)
      .update(key ?? '')
      .digest()
      .toString('base64url', 0, HASH_BYTES);
  }
}

/** The entries of a column, each as text. */
function entriesOf(column: string): string[] {
  return column.match(ENTRY) ?? [];
}

/** The token to whose uses a list belongs. */
export interface GivenToken {
  readonly generation: number;
  /** The root of the session's tokens. Only who holds one of them can tell which uses are in a list. */
  readonly root: Buffer;
}
