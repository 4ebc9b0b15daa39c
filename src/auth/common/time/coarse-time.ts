/**
 * Milliseconds. No list tells more exactly when a session was refreshed. A thief with a copied token could otherwise
 * refresh at the same moment as its owner, and stay within the grace window.
 */
export const COARSE_TIME = 5 * 60_000;
