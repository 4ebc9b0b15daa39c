import type { AccessToken } from '../access-token.js';
import type { CookieUses } from '../ledger/cookie-uses.js';
import type { SessionState } from '../session-state.js';
import { openTabChannel, type TabMessage } from './tab-channel.js';
import { ANSWER_TIMEOUT, RESULT_TIMEOUT } from '../times.js';

/** What the tabs of one origin tell each other about their session. */
export interface SessionTabs {
  /** This tab has signed in or refreshed. */
  tell(type: 'signed_in' | 'token', token: AccessToken): void;
  tellLeft(how: 'signed_out' | 'ended', sessionId: string | undefined): void;
  /** Waits a moment for a token that replaces `used` from a different tab. */
  ask(used: AccessToken | null | undefined, waited: boolean): Promise<void>;
  /** A page that was frozen hears no messages: the cookie may be that of a different session by now. */
  compare(): void;
  close(): void;
}

/**
 * @param cookie the ledger that the tabs share, if the token is in the cookie
 * @param onNews called before this tab takes over what a different one has done
 */
export function sessionTabs(
  name: string,
  state: SessionState,
  cookie: CookieUses | undefined,
  onNews: (message: TabMessage) => void,
): SessionTabs {
  let hasNeighbours = false;
  /** The session that all tabs had, when this tab last learned of its own. */
  let sharedSession: string | undefined;

  const learned = () => void (sharedSession = cookie?.sessionNow());
  const hear = (message: TabMessage) => {
    hasNeighbours = true;
    const { token, age } = state;
    switch (message.type) {
      case 'ask':
        if (token && token.obtainedAt > message.after && !age!.expired()) channel.post({ type: 'token', token });
        return;
      case 'signed_out':
        // It may have ended a session that this tab has left already.
        if (message.sessionId && token && token.sessionId !== message.sessionId) return;
        onNews(message);
        return state.forget(message.how);
      case 'token':
        if (!state.isOlderThan(message.token)) return;
        break;
      case 'signed_in':
        break;
    }
    learned();
    onNews(message);
    state.adopt(message.token, message.type === 'signed_in' ? 'signed_in' : undefined);
  };

  const channel = openTabChannel(name, hear);
  channel.post({ type: 'ask', after: 0 });
  return {
    tell(type, token) {
      learned();
      channel.post({ type, token });
    },
    tellLeft: (how, sessionId) => channel.post({ type: 'signed_out', how, sessionId }),
    async ask(used, waited) {
      if (!hasNeighbours || !(waited || used)) return;
      channel.post({ type: 'ask', after: used?.obtainedAt ?? state.endedAt });
      await state.changed(waited ? RESULT_TIMEOUT : ANSWER_TIMEOUT);
    },
    compare() {
      const { token } = state;
      if (!cookie || !token) return;
      const shared = cookie.sessionNow();
      if (shared !== sharedSession && shared !== token.sessionId) state.doubt();
    },
    close: () => channel.close(),
  };
}
