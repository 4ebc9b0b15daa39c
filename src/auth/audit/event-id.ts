import { randomBytes } from 'node:crypto';
import { bytesToUuid } from '../common/crypto/uuid-bytes.js';

let last = { at: 0, sequence: 0 };

/**
 * A UUID of version 7 (RFC 9562 §5.7). It starts with the milliseconds, so ids sort by time. Within one millisecond,
 * the ids of a process count up.
 */
export function eventId(at: number): string {
  const sequence = at === last.at ? (last.sequence + 1) & 0xfff : 0;
  last = { at, sequence };
  const bytes = randomBytes(16);
  bytes.writeUIntBE(at, 0, 6);
  bytes.writeUInt16BE(0x7000 | sequence, 6);
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytesToUuid(bytes);
}

/** The time of an id is 48 bits long. It ends in the year 10889. */
const LATEST = 2 ** 48 - 1;

/** The smallest id of that time. The ids of all earlier events sort before it. */
export function leastIdAt(at: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(Math.min(Math.max(0, at), LATEST), 0, 6);
  return bytesToUuid(bytes);
}
