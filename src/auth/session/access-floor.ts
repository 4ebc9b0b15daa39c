/** The floor of a revoked session. Generations have 32 bits, so it is above all of them. */
export const REVOKED_FLOOR = 2 ** 32;

/** Access tokens of this session are refused if they were minted at a generation below the floor. */
export interface AccessFloor {
  readonly sessionId: string;
  readonly floor: number;
}

/**
 * Injects the lifetime of an access token, in milliseconds. The revocation list must remember a floor at least that
 * long. The concept `access-token` provides it, so that this concept does not import `access-token`.
 */
export const ACCESS_TOKEN_LIFETIME = Symbol('ACCESS_TOKEN_LIFETIME');
