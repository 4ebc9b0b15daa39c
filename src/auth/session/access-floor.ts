/**
 * The floor of a revoked session. It is above every access token: generations have 32 bits, and a raised floor is a
 * time in seconds.
 */
export const REVOKED_FLOOR = 2 ** 32;

/**
 * Access tokens of this session are refused if their claim `gen` is below the floor.
 *
 * A floor that is raised is at least the time of the database in seconds since the Unix epoch. So it grows even if the
 * database has lost the generation that it had, or the last floor. An access token is minted at the generation of its
 * session, or at the floor if that is higher.
 */
export interface AccessFloor {
  readonly sessionId: string;
  readonly floor: number;
}

/** A floor, and when it was raised by the clock of the database, in milliseconds since the Unix epoch. */
export type RaisedFloor = AccessFloor & { readonly raisedAt: number };

/** A second in which floors were raised. */
export interface RaisedSecond {
  /** Since the Unix epoch, by the clock of the database. */
  readonly second: number;
  /** The number of the floors, the sum of their times, and the sum of the floors. */
  readonly content: string;
}

/**
 * Injects the lifetime of an access token, in milliseconds. The revocation list must remember a floor at least that
 * long. The concept `access-token` provides it, so that this concept does not import `access-token`.
 */
export const ACCESS_TOKEN_LIFETIME = Symbol('ACCESS_TOKEN_LIFETIME');
