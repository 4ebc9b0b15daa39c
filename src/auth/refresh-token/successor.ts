import { createHmac, randomBytes } from 'node:crypto';
import type { Keys } from '../common/crypto/key-ring.js';
import { uuidToBytes } from '../common/crypto/uuid-bytes.js';
import { type DecodedRefreshToken, SECRET_BYTES } from './refresh-token.codec.js';

/** A first token's secret, or a rotation's nonce: 256 random bits. */
export function randomSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/**
 * The one successor of a refresh token. Who holds the database alone (the nonce), or the keys alone, can derive nothing;
 * who presents the predecessor gets exactly this, as often as it is allowed.
 *
 * @param keys those of the new generation: the row names them
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

/** What is hashed for the row: the secret, tied to its session and generation. */
export function hashedMessage({ sessionId, generation, secret }: DecodedRefreshToken): Buffer {
  return Buffer.concat([uuidToBytes(sessionId), generationBytes(generation), secret]);
}

function generationBytes(generation: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(generation);
  return bytes;
}
