/**
 * The floor of a revoked session: above every generation, which has 32 bits.
 */
export const REVOKED_FLOOR = 2 ** 32;

/** Access tokens of this session are refused if they were minted at a generation below the floor. */
export interface AccessFloor {
  readonly sessionId: string;
  readonly floor: number;
}

/**
 * Injects for how many milliseconds after its minting an access token is accepted. The revocation list must remember a floor
 * for that long. The concept `access-token` provides it, so that nothing here imports that concept.
 */
export const ACCESS_TOKEN_LIFETIME = Symbol('ACCESS_TOKEN_LIFETIME');
