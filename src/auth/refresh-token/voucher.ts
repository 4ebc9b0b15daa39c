import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Keys } from '../common/crypto/key-ring.js';
import { uuidToBytes } from '../common/crypto/uuid-bytes.js';
import { type DecodedRefreshToken, ROOT_BYTES, VOUCHER_BYTES } from './refresh-token.codec.js';

/** The part of a token that stays the same in all generations of its session. */
export type TokenRoot = Pick<DecodedRefreshToken, 'sessionId' | 'root'>;

/** Creates 256 random bits: the root of a session's tokens, or the seed of its vouchers. */
export function random256(): Buffer {
  return randomBytes(ROOT_BYTES);
}

/**
 * The token of a session at a generation. It is determined: the same in every tab, on every server, before and after
 * the database has lost what it had committed. Only keys, row (the seed) and root together can make it.
 *
 * @param seed the column `seed` of the session
 */
export function tokenAt(
  generation: number,
  { sessionId, root }: TokenRoot,
  keys: Keys,
  seed: string,
): DecodedRefreshToken {
  const voucher = createHmac('sha256', keys.voucher)
    .update(Buffer.from(seed, 'base64url'))
    .update(uuidToBytes(sessionId))
    .update(generationBytes(generation))
    .update(root)
    .digest()
    .subarray(0, VOUCHER_BYTES);
  return { keys, sessionId, generation, root, voucher };
}

/** Whether this server has issued the token for the session with this seed. */
export function isVouchedFor(token: DecodedRefreshToken, seed: string): boolean {
  return timingSafeEqual(token.voucher, tokenAt(token.generation, token, token.keys, seed).voucher);
}

/** The message that is hashed for the row. */
export function hashedMessage({ sessionId, root }: TokenRoot): Buffer {
  return Buffer.concat([uuidToBytes(sessionId), root]);
}

function generationBytes(generation: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(generation);
  return bytes;
}
