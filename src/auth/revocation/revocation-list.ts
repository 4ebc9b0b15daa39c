import { Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { ACCESS_TOKEN_LIFETIME, type AccessFloor, REVOKED_FLOOR } from '../session/access-floor.js';
import { UserProviderConfig } from '../user/user-options.js';
import { RevocationConfig } from './revocation-options.js';

/** Milliseconds; see `lifetime`. */
const LATEST_MINTING = 10_000;

/**
 * The revocation list in memory. It holds the floors that were raised recently enough to affect an access token that
 * has not expired. A session without an entry accepts all its access tokens.
 */
@Injectable()
export class RevocationList {
  private readonly floors = new Map<string, { floor: number; until: number }>();
  private readonly listeners = new Set<(change: AccessFloor) => void>();

  constructor(
    private readonly clock: Clock,
    @Inject(ACCESS_TOKEN_LIFETIME) private readonly accessTokenLifetime: number,
    private readonly config: RevocationConfig,
    private readonly userConfig: UserProviderConfig,
  ) {}

  /**
   * Milliseconds for which a raised floor is kept. A request may still mint a refused token after the floor was raised.
   * That happens if it was waiting for the user provider or the database. So this is longer than the lifetime of an
   * access token.
   */
  get lifetime(): number {
    const { accessTokenLifetime, config, userConfig } = this;
    return accessTokenLifetime + config.delay + userConfig.userProviderTimeout + LATEST_MINTING;
  }

  /** The number of floors held. */
  get size(): number {
    return this.floors.size;
  }

  /** Calls the listener each time a floor is raised. Returns a function that ends the subscription. */
  subscribe(listener: (change: AccessFloor) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param age milliseconds since the floor was raised */
  raise({ sessionId, floor }: AccessFloor, age = 0): void {
    const known = this.floors.get(sessionId);
    if (known && known.floor >= floor) return;
    this.floors.set(sessionId, { floor, until: this.clock.now() + this.lifetime - age });
    for (const listener of this.listeners) listener({ sessionId, floor });
  }

  /** @throws AuthError `token_revoked`, `token_stale` */
  check(sessionId: string, generation: number): void {
    const known = this.floors.get(sessionId);
    if (!known || generation >= known.floor) return;
    throw new AuthError(known.floor === REVOKED_FLOOR ? 'token_revoked' : 'token_stale');
  }

  /** Removes the floors that are older than `lifetime`: the access tokens below them have expired. */
  sweep(): void {
    const now = this.clock.now();
    for (const [sessionId, { until }] of this.floors) {
      if (until <= now) this.floors.delete(sessionId);
    }
  }
}
