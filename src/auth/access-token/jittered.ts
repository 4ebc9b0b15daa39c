/** Milliseconds. `exp` and `expires_in` are whole seconds, and no token is born expired. */
const SHORTEST = 1_000;

/**
 * A lifetime, shortened at random by at most `jitter`, and by at most half. So an option for all tokens does no harm to a
 * session whose tokens live shorter. Milliseconds.
 */
export function jittered(lifetime: number, jitter: number): number {
  return Math.max(SHORTEST, lifetime - Math.random() * Math.min(jitter, lifetime / 2));
}
