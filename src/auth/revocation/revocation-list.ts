import { Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { ACCESS_TOKEN_LIFETIME, type AccessFloor, REVOKED_FLOOR } from '../session/access-floor.js';
import { UserProviderConfig } from '../user/user-options.js';
import { RevocationConfig } from './revocation-options.js';

/** Milliseconds; see `lifetime`. */
const LATEST_MINTING = 10_000;

/**
 * The revocation list, in memory: the floors that were raised within one life of an access token. Tokens of all other
 * sessions have either expired since, or nothing to fear.
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
   * Milliseconds for which a floor matters after it has been raised. A request that waited for the user or the database may issue an access
   * token after that. This token expires later, by the time of the wait.
   */
  get lifetime(): number {
    const { accessTokenLifetime, config, userConfig } = this;
    return accessTokenLifetime + config.delay + userConfig.userProviderTimeout + LATEST_MINTING;
  }

  /** How many floors are held. */
  get size(): number {
    return this.floors.size;
  }

  /** Calls back whenever a floor has risen. Returns the function that ends it. */
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

  /** Lets go of the floors below which every token has expired. */
  sweep(): void {
    const now = this.clock.now();
    for (const [sessionId, { until }] of this.floors) {
      if (until <= now) this.floors.delete(sessionId);
    }
  }
}
