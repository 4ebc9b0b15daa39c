import type { AccessToken } from '../access-token.js';
import type { CookieUses } from '../ledger/cookie-uses.js';
import { delay } from '../platform.js';
import type { SessionState } from '../session-state.js';
import { openTabChannel, type TabChannel, type TabMessage } from './tab-channel.js';

/** Milliseconds that a tab waits for the result of a different tab, if it had to wait for the lock. */
const RESULT_TIMEOUT = 1_000;
/** The same if it did not have to wait, but other tabs exist: a result may be on its way. */
const ANSWER_TIMEOUT = 100;

/** What the tabs of one origin tell each other about their session. */
export class SessionTabs {
  readonly #channel: TabChannel;
  #hasNeighbours = false;
  /** The session that all tabs had, when this tab last learned of its own. */
  #sharedSession: string | undefined;

  /**
   * @param cookie the ledger that the tabs share, if the token is in the cookie
   * @param onNews called before this tab takes over what a different one has done
   */
  constructor(
    name: string,
    private readonly state: SessionState,
    private readonly cookie: CookieUses | undefined,
    private readonly onNews: (message: TabMessage) => void,
  ) {
    this.#channel = openTabChannel(name, (message) => this.#hear(message));
    this.#channel.post({ type: 'ask', after: 0 });
  }

  /** This tab has signed in or refreshed. */
  tell(type: 'signed_in' | 'token', token: AccessToken): void {
    this.#learned();
    this.#channel.post({ type, token });
  }

  tellLeft(how: 'signed_out' | 'ended', sessionId: string | undefined): void {
    this.#channel.post({ type: 'signed_out', how, sessionId });
  }

  /** Waits a moment for a token that replaces `used` from a different tab. */
  async ask(used: AccessToken | null | undefined, waited: boolean): Promise<void> {
    if (!this.#hasNeighbours || !(waited || used)) return;
    this.#channel.post({ type: 'ask', after: used?.obtainedAt ?? this.state.endedAt });
    await Promise.race([this.state.changed(), delay(waited ? RESULT_TIMEOUT : ANSWER_TIMEOUT)]);
  }

  /** A page that was frozen hears no messages: the cookie may be that of a different session by now. */
  compare(): void {
    const shared = this.cookie?.sessionNow();
    const { token } = this.state;
    if (!this.cookie || !token || shared === this.#sharedSession || shared === token.sessionId) return;
    this.state.doubt();
  }

  close(): void {
    this.#channel.close();
  }

  #learned(): void {
    this.#sharedSession = this.cookie?.sessionNow();
  }

  #hear(message: TabMessage): void {
    this.#hasNeighbours = true;
    const { state } = this;
    switch (message.type) {
      case 'signed_in':
        this.#adopt(message);
        return state.adopt(message.token, 'signed_in');
      case 'token':
        if (!state.isOlderThan(message.token)) return;
        this.#adopt(message);
        return state.adopt(message.token);
      case 'signed_out':
        // It may have ended a session that this tab has left already.
        if (message.sessionId && state.token && state.token.sessionId !== message.sessionId) return;
        this.onNews(message);
        return state.forget(message.how);
      case 'ask':
        if (state.token && state.token.obtainedAt > message.after && !state.age!.expired()) {
          this.#channel.post({ type: 'token', token: state.token });
        }
    }
  }

  #adopt(message: TabMessage): void {
    this.#learned();
    this.onNews(message);
  }
}
