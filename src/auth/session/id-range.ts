/** Sorts before every session id. No session has it. */
export const NO_SESSION = '00000000-0000-0000-0000-000000000000';

/** Sorts after every session id. */
export const LAST_SESSION = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
