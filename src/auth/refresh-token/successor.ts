import { createHmac, randomBytes } from 'node:crypto';
import type { Keys } from '../common/crypto/key-ring.js';
import { uuidToBytes } from '../common/crypto/uuid-bytes.js';
import { type DecodedRefreshToken, SECRET_BYTES } from './refresh-token.codec.js';

/** Creates 256 random bits: the secret of a first token, or the nonce of a rotation. */
export function randomSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/**
 * Derives the one successor of a refresh token. The database alone (the nonce) or the keys alone are not enough to
 * derive it. The predecessor always derives the same successor.
 *
 * @param keys the keys of the new generation, which the row names
 */
export function deriveSuccessor(predecessor: DecodedRefreshToken, keys: Keys, nonce: Buffer): DecodedRefreshToken {
  const { sessionId } = predecessor;
  const generation = predecessor.generation + 1;
  const secret = createHmac('sha256', keys.next)
    .update(predecessor.secret)
    .update(uuidToBytes(sessionId))
    .update(generationBytes(generation))
    .update(nonce)
    .digest();
  return { keys, sessionId, generation, secret };
}

/** The message that is hashed for the row: the secret with its session and generation. */
export function hashedMessage({ sessionId, generation, secret }: DecodedRefreshToken): Buffer {
  return Buffer.concat([uuidToBytes(sessionId), generationBytes(generation), secret]);
}

function generationBytes(generation: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(generation);
  return bytes;
}
