import { Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { ACCESS_TOKEN_LIFETIME, type AccessFloor, REVOKED_FLOOR } from '../session/access-floor.js';
import { UserProviderConfig } from '../user/user-options.js';
import { RevocationConfig } from './revocation-options.js';

/** Milliseconds; see `lifetime`. */
const LATEST_MINTING = 10_000;

/** Floors that one sweep looks at. */
const MOST_SWEPT = 10_000;
/** Floors that are looked at for each new one, so that the list does not grow if sweeps are seldom. */
const SWEPT_PER_FLOOR = 2;

interface KnownFloor {
  readonly floor: number;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
  /** Whether the floor has been in the table. */
  readonly stored: boolean;
}

/**
 * The revocation list in memory. It holds the floors that were raised recently enough to affect an access token that
 * has not expired. A session without an entry accepts all its access tokens.
 */
@Injectable()
export class RevocationList {
  private readonly floors = new Map<string, KnownFloor>();
  /** Where the next sweep goes on. */
  private unswept: Iterator<[string, KnownFloor]> | undefined;
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

  /** @param age milliseconds since the floor was raised; `undefined` if it was not read from the table */
  raise({ sessionId, floor }: AccessFloor, age?: number): void {
    const known = this.floors.get(sessionId);
    const stored = age !== undefined;
    if (stored && known?.floor === floor && !known.stored) this.floors.set(sessionId, { ...known, stored });
    if (known && known.floor >= floor) return;
    this.floors.set(sessionId, { floor, until: this.clock.now() + this.lifetime - (age ?? 0), stored });
    this.sweep(SWEPT_PER_FLOOR);
    for (const listener of this.listeners) listener({ sessionId, floor });
  }

  /**
   * A floor that a new access token of this session must not be below. 0 if the list holds no such floor.
   *
   * Usually the row has it, too. But the database may have lost it. Then every refreshed access token would be refused
   * here. The floor was raised so long ago that every request which began before that has ended. So the user of a new
   * access token was loaded later.
   */
  settledFloorOf(sessionId: string): number {
    const known = this.floors.get(sessionId);
    if (!known?.stored || known.floor === REVOKED_FLOOR) return 0;
    return known.until - this.clock.now() <= this.accessTokenLifetime ? known.floor : 0;
  }

  /** @throws AuthError `token_revoked`, `token_stale` */
  check(sessionId: string, generation: number): void {
    const known = this.floors.get(sessionId);
    if (!known || generation >= known.floor) return;
    throw new AuthError(known.floor === REVOKED_FLOOR ? 'token_revoked' : 'token_stale');
  }

  /**
   * Removes floors that are older than `lifetime`: the access tokens below them have expired. Each call looks at some of
   * the floors, and the next one goes on from there. So a long list takes no time at once.
   */
  sweep(most = MOST_SWEPT): void {
    const now = this.clock.now();
    for (let left = Math.min(most, this.floors.size); left > 0 && this.floors.size > 0; left--) {
      const { value } = this.nextUnswept();
      if (value[1].until <= now) this.floors.delete(value[0]);
    }
  }

  /** After the last floor comes the first one again. There must be one. */
  private nextUnswept(): IteratorYieldResult<[string, KnownFloor]> {
    const next = this.unswept?.next();
    if (next && !next.done) return next;
    this.unswept = this.floors[Symbol.iterator]();
    return this.unswept.next() as IteratorYieldResult<[string, KnownFloor]>;
  }
}
