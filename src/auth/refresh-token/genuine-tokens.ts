import { Injectable } from '@nestjs/common';
import { KeyRing, type Keys } from '../common/crypto/key-ring.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { type DecodedRefreshToken, type IssuedRefreshToken, RefreshTokenCodec } from './refresh-token.codec.js';
import { TokenHasher } from './token-hasher.js';
import { hashedMessage, isVouchedFor } from './voucher.js';

/** Tells whether this server has issued a token, and whether for this session. */
@Injectable()
export class GenuineTokens {
  constructor(
    private readonly codec: RefreshTokenCodec,
    private readonly keyRing: KeyRing,
    private readonly hasher: TokenHasher,
  ) {}

  /** Checks the tag, without a database query. `undefined` if this server did not issue the token. */
  decode(refreshToken: string | IssuedRefreshToken): DecodedRefreshToken | undefined {
    return this.codec.decode(refreshToken);
  }

  /** The keys that the row names; `undefined` if their secret is no longer configured. */
  keysOf({ keyId }: RefreshToken): Keys | undefined {
    return this.keyRing.find(keyId);
  }

  /**
   * The keys of the token vouch for its generation; the hash of the row, for its root. Who has only the keys can make a
   * tag, but no such token.
   *
   * @param keys the keys that the row names
   */
  async isGenuine(presented: DecodedRefreshToken, session: RefreshToken, keys: Keys): Promise<boolean> {
    if (!isVouchedFor(presented, session.seed)) return false;
    return this.hasher.verify(keys, session.tokenHash, hashedMessage(presented));
  }
}
