import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Keys } from '../common/crypto/key-ring.js';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import type { Argon2idOptions } from '../session/argon2id-options.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenConfig } from '../session/session-options.js';

const ARGON2ID = '$argon2id$';

/**
 * Computes the keyed hash that the database stores. A slow hash adds nothing to a secret of 256 random bits. Argon2id
 * exists for policies that demand it. The form of a hash shows which algorithm made it, so both always verify.
 */
@Injectable()
export class TokenHasher {
  private readonly parameters: Required<Argon2idOptions> | undefined;

  constructor({ hasher }: RefreshTokenConfig) {
    this.parameters = hasher;
  }

  /** Loads the package at boot, so that a missing package does not fail the first login. */
  async onModuleInit(): Promise<void> {
    if (this.parameters) await loadArgon2();
  }

  async hash(keys: Keys, message: Buffer): Promise<string> {
    if (!this.parameters) return hmac(keys, message).toString('base64url');
    const argon2 = await loadArgon2();
    return argon2.hash(message, { ...this.parameters, type: argon2.argon2id, secret: keys.hash.export() });
  }

  /** The hash under the current keys and options: the old one, if it is of their kind. */
  async rehash(
    { tokenHash, keyId }: Pick<RefreshToken, 'tokenHash' | 'keyId'>,
    keys: Keys,
    message: Buffer,
  ): Promise<string> {
    const sameKind = tokenHash.startsWith(ARGON2ID) === (this.parameters !== undefined);
    return sameKind && keyId === keys.id ? tokenHash : this.hash(keys, message);
  }

  async verify(keys: Keys, hash: string, message: Buffer): Promise<boolean> {
    if (hash.startsWith(ARGON2ID)) {
      const argon2 = await loadArgon2();
      return argon2.verify(hash, message, { secret: keys.hash.export() });
    }
    const expected = Buffer.from(hash, 'base64url');
    const actual = hmac(keys, message);
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }
}

function hmac(keys: Keys, message: Buffer): Buffer {
  return createHmac('sha256', keys.hash).update(message).digest();
}

async function loadArgon2() {
  try {
    return await import('argon2');
  } catch (cause) {
    throw new AuthConfigurationError(`Argon2id needs the package argon2: npm install argon2 (${String(cause)})`);
  }
}
