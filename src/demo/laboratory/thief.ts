import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AuthError, RefreshTokenService } from 'nestjs-refresh-token';
import { ADDRESSES } from './sample-addresses.js';

/** The result of using the stolen token. */
export interface Loot {
  status: number;
  error?: string;
  /** The beginning of the token's hash. It distinguishes tokens and cannot be used as one. */
  fingerprint?: string;
}

/** How many stolen tokens are kept, and for how many milliseconds. */
const POCKET = { max: 1_000, ttl: 300_000, ttlAutopurge: true };
const THIEFS_BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0';

/** Copies the visitor's refresh token and uses the copy. The copy never leaves the server. */
@Injectable()
export class Thief {
  private readonly pocket = new LRUCache<string, string>(POCKET);

  constructor(private readonly refreshTokens: RefreshTokenService) {}

  steal(sessionId: string, refreshToken: string): void {
    this.pocket.set(sessionId, refreshToken);
  }

  /** Uses the copy alone. The thief does not have the secret that the session may be bound to. */
  async use(
    sessionId: string,
    elsewhere: boolean,
    visitor: { ip: string | null; userAgent: string | null },
  ): Promise<Loot> {
    const token = this.pocket.get(sessionId);
    if (token === undefined) throw new AuthError('not_found', 'Nothing has been stolen.');
    const client = elsewhere ? { ip: ADDRESSES.BR, userAgent: THIEFS_BROWSER } : visitor;
    try {
      // A thief who knows the protocol sends a key, too. Without the ledger of the visitor, the thief can make no claim.
      const use = { idempotencyKey: randomBytes(12).toString('base64url') };
      const { refreshToken } = await this.refreshTokens.refresh(token, client, {}, use);
      this.pocket.set(sessionId, refreshToken);
      return { status: 200, fingerprint: fingerprintOf(refreshToken) };
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      return { status: error.getStatus(), error: error.code };
    }
  }
}

export function fingerprintOf(refreshToken: string): string {
  return createHash('sha256').update(refreshToken).digest('hex').slice(0, 8);
}
