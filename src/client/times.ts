// The times of the client, in milliseconds where nothing else is said.

/** The longest wait for a response in milliseconds. Checking a password is slow on purpose. */
export const LONGEST_REQUEST = 30_000;
/** Milliseconds that an answer of the application's server may take, after its headers, to say why it is refused. */
export const LONGEST_BODY = 3_000;
export const MOST_ATTEMPTS = 5;
export const FIRST_PAUSE = 250;
/** For this many milliseconds after the first attempt, a failed refresh is repeated while somebody waits for it. */
export const PATIENCE = 8_000;
/** Milliseconds that an attempt with the cookie may still take after a different one was answered. */
export const STRAGGLING = 2_000;

/** The share of its lifetime after which a token is renewed. A random part keeps tabs from waking at the same time. */
export const DUE_FROM = 0.75;
export const DUE_WITHIN = 0.1;
/** A token is not used in the last 5 % of its lifetime, because a request takes time. */
export const USABLE = 0.95;

/** For this many milliseconds, a server that refuses new tokens too does not cause another refresh. */
export const QUIET = 30_000;
/** Nor does one that accepts some tokens and refuses others, after this number of refreshes. */
export const MOST_RENEWALS = 6;

/** A server or a gateway may ask the client to wait, but not for so long that users take it for a sign-out. Milliseconds. */
export const LONGEST_PAUSE = 5 * 60_000;

/** The longest timer in milliseconds. Timers stop while the machine sleeps, so a long one would fire late. */
export const LONGEST_TIMER = 30_000;
export const SHORTEST_TIMER = 100;
/** Milliseconds between a failed renewal and the next attempt. */
export const RENEWAL_RETRY = 10_000;

/** Milliseconds that a tab waits for the result of a different tab, if it had to wait for the lock. */
export const RESULT_TIMEOUT = 1_000;
/** The same if it did not have to wait, but other tabs exist: a result may be on its way. */
export const ANSWER_TIMEOUT = 100;

/** Milliseconds after which the lock is taken from a tab that is frozen. */
export const LOCK_TIMEOUT = 6_000;

/** Milliseconds that a store may take. Key chains are slow; a store that hangs must not hang the application. */
export const STORE_TIMEOUT = 5_000;
/** Milliseconds until the server is asked again, if it wants a new key (409) and the store cannot be written. */
export const STORE_RETRY = 60_000;
/**
 * A different process may be about to replace what was just written, and the key in it; or to send the token before it.
 * So nobody uses a ledger that is younger than this many milliseconds.
 */
export const SETTLING = 200;
/** It is used after this number of waits at the latest. */
export const MOST_WAITS = 10;
/** Without a lock, several processes may write at one moment. Each writes this often at most, until all know all keys. */
export const MOST_WRITES = 2;
