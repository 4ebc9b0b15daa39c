import { Injectable } from '@nestjs/common';
import type { UsedDpopProofStore } from '../../../auth/binding/dpop/used-dpop-proof.store.js';
import { Clock } from '../../../auth/common/time/clock.js';

/** Remembers used proofs in memory. */
@Injectable()
export class MemoryUsedDpopProofStore implements Pick<UsedDpopProofStore, keyof UsedDpopProofStore> {
  /** When each may be forgotten, in milliseconds since the Unix epoch. */
  private readonly expiries = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  onModuleDestroy(): void {
    this.expiries.clear();
  }

  async claim(id: string, lifetime: number): Promise<boolean> {
    if (this.expiries.has(id)) return false;
    this.expiries.set(id, this.clock.now() + lifetime);
    return true;
  }

  async keep(id: string, lifetime: number): Promise<void> {
    this.expiries.set(id, this.clock.now() + lifetime);
  }

  async keptUntil(id: string): Promise<number> {
    return this.expiries.get(id) ?? 0;
  }

  async removeExpired(): Promise<void> {
    const now = this.clock.now();
    for (const [id, expiry] of this.expiries) if (expiry <= now) this.expiries.delete(id);
  }
}
