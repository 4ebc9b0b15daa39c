import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import { KeyRing, type Keys } from '../../common/crypto/key-ring.js';
import { Clock } from '../../common/time/clock.js';
import { BindingConfig } from '../binding-options.js';

/**
 * The DPoP nonces that the server issues (RFC 9449 §8). Each nonce is computed from the time and the secret. So all
 * instances accept the same nonces, and the server stores none.
 */
@Injectable()
export class DpopNonces {
  constructor(
    private readonly keyRing: KeyRing,
    private readonly clock: Clock,
    private readonly config: BindingConfig,
  ) {}

  current(): string {
    return nonceOf(this.keyRing.current, this.period());
  }

  isCurrent(nonce: string): boolean {
    return equalInConstantTime(nonce, this.current());
  }

  /**
   * Accepts the current nonce and the previous one, under every secret. It also accepts the next one, because the clock
   * of another instance may be ahead.
   */
  accepts(nonce: string): boolean {
    const now = this.period();
    return this.keyRing.all.some((keys) =>
      [now, now - 1, now + 1].some((period) => equalInConstantTime(nonce, nonceOf(keys, period))),
    );
  }

  private period(): number {
    return Math.floor(this.clock.now() / this.config.dpop.nonceLifetime);
  }
}

function nonceOf(keys: Keys, period: number): string {
  return createHmac('sha256', keys.dpopNonce).update(String(period)).digest('base64url').slice(0, 22);
}
