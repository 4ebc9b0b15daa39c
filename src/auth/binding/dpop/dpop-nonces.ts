import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import { KeyRing, type Keys } from '../../common/crypto/key-ring.js';
import { Clock } from '../../common/time/clock.js';
import { BindingConfig } from '../binding-options.js';

/**
 * The nonces that the server gives for proofs (RFC 9449 §8). Each is computed from its time and the secret, so all instances
 * know the same ones, and none is stored.
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

  /** The current one, the one before, and the one to come, whose time may have begun elsewhere; under every secret. */
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
