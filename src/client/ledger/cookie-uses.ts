import { parsed } from '../responses.js';
import { noteAt } from '../tabs/note.js';
import type { SessionStore, StoredSession } from './stored-session.js';

/**
 * The ledger of a session whose refresh token is in the cookie. All tabs share it. It has no secret: the keys are useless
 * without the token.
 */
export interface CookieUses extends SessionStore {
  /** The session that the tabs of this origin are signed in to; `undefined` if nobody is signed in. */
  sessionNow(): string | undefined;
}

/** Scripts of the page can read the note: no field of it may be a secret. */
const FIELDS = ['sessionId', 'generation', 'keys', 'uses', 'savedAt'];

export function cookieUses(name: string): CookieUses {
  const note = noteAt(`${name} uses`);
  // Without a note, the cookie may exist all the same.
  const load = () => parsed<StoredSession>(note.read()) ?? ({} as StoredSession);
  return {
    load,
    save: (session) => note.write(JSON.stringify(session, FIELDS)),
    clear: () => note.remove(),
    sessionNow: () => load().sessionId,
  };
}
