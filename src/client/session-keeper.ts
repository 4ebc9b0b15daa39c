import { type AccessToken, accessTokenOf, authorized, isBound } from './access-token.js';
import { type AuthClientError, cookieNotKept, unavailable } from './auth-client-error.js';
import { type AuthAnswer, type AuthRoutes, authRoutes } from './auth-routes.js';
import type { ResolvedClientOptions } from './client-options.js';
import type { Proofs, Send } from './dpop-option.js';
import { type CookieUses, cookieUses } from './ledger/cookie-uses.js';
import { freshKey } from './ledger/fresh-key.js';
import { SessionLedger, type Use } from './ledger/session-ledger.js';
import { SessionState } from './session-state.js';
import { type Note, noteAt } from './tabs/note.js';
import { SessionTabs } from './tabs/session-tabs.js';
import type { TabMessage } from './tabs/tab-channel.js';
import { type Alone, tabLock } from './tabs/tab-lock.js';

/** A server or a gateway may ask the client to wait, but not for so long that users take it for a sign-out. Milliseconds. */
const LONGEST_PAUSE = 5 * 60_000;

/** Begins, renews and ends the session, one operation at a time in this tab and across tabs. */
export class SessionKeeper {
  readonly state = new SessionState();
  /** Only with the option `dpop`. */
  readonly proofs: Proofs | undefined;
  readonly send: Send;
  readonly #options: ResolvedClientOptions;
  readonly #routes: AuthRoutes;
  readonly #ledger: SessionLedger;
  /** Only where the token is in the cookie. */
  readonly #cookie: CookieUses | undefined;
  readonly #alone: Alone;
  readonly #tabs: SessionTabs;
  /**
   * The id of a session that the user has left before the server could be told; empty if it was not known. Scripts cannot
   * remove the cookie, and the next page must not restore the session.
   */
  readonly #leftSession: Note;
  #renewal: Promise<AccessToken | null> | undefined;
  /** Before this time of the monotonic clock, only an explicit refresh asks the server. */
  #notBefore = 0;
  /** A session whose cookie has not been seen to work. */
  #unprovenCookie: string | undefined;
  /** The store had no session for now. It is asked again at the next use. */
  #isEmptyForNow = false;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
    if (!options.restore) this.state.forget('signed_out');
    this.proofs = options.dpop ? options.dpop.proofsOf(options) : undefined;
    this.send = this.proofs?.send ?? ((input, init, token) => options.fetch(input, authorized(init, token)));
    this.#routes = authRoutes(options, this.send);
    this.#cookie = options.store ? undefined : cookieUses(options.name);
    this.#ledger = new SessionLedger(options.store ?? this.#cookie!, options.claims);
    this.#alone = tabLock(options.name);
    this.#leftSession = noteAt(options.name);
    this.#tabs = new SessionTabs(options.name, this.state, this.#cookie, (news) => this.#hear(news));
  }

  /**
   * A token that is valid now; `null` if nobody is signed in.
   *
   * @throws AuthClientError as `renew` does
   */
  async current(): Promise<AccessToken | null> {
    this.#tabs.compare();
    const { token, age } = this.state;
    if (token === null && !this.#isEmptyForNow) return null;
    return token && !age!.expired() ? token : this.renew(token);
  }

  /**
   * Fetches a token that replaces `used`. All callers during a refresh get the same token.
   *
   * @throws AuthClientError `temporarily_unavailable` or a code of the server: the session goes on
   */
  async renew(used: AccessToken | null | undefined): Promise<AccessToken | null> {
    const { state } = this;
    if (this.#options.refused) throw this.#options.refused;
    if (this.#isReplaced(used)) return state.token!;
    if (this.#renewal) return this.#renewal;
    state.show({ isRefreshing: true });
    this.#renewal = this.#alone((waited) => this.#renewAlone(used, waited))
      .catch((error: AuthClientError) => {
        state.fail(error);
        throw error;
      })
      .finally(() => {
        this.#renewal = undefined;
        state.show({ isRefreshing: false });
      });
    return this.#renewal;
  }

  /** Tries now, even if the server has asked the client to wait. Does nothing if nobody is signed in. */
  async renewNow(): Promise<void> {
    this.#notBefore = 0;
    this.#tabs.compare();
    const { token } = this.state;
    if (token !== null || this.#isEmptyForNow) await this.renew(token);
  }

  async signIn(body: object): Promise<void> {
    await this.#alone(async () => {
      const obtainedAt = Date.now();
      const transport = this.#options.store ? 'body' : 'cookie';
      const key = freshKey();
      const answer = await this.#routes.post('login', { ...body, transport, idempotency_key: key });
      await this.#begin(answer, obtainedAt, key);
    });
  }

  /**
   * Goes on with a session that this client has not begun. Without an answer, it is in the cookie or in the store.
   *
   * @returns whether there is a session
   */
  async adopt(answer: AuthAnswer | undefined): Promise<boolean> {
    const obtainedAt = Date.now();
    await this.#alone(async () => {
      // Nobody knows which requests have brought the token.
      if (answer) return this.#begin(answer, obtainedAt);
      this.#leftSession.remove();
      await this.#cookie?.clear();
      this.proofs?.forget();
      this.#isEmptyForNow = true;
      this.state.doubt();
    });
    this.#notBefore = 0;
    return !!(await this.current());
  }

  /** Sends the password again. Then the session goes on as after a refresh. */
  async stepUp(body: object): Promise<void> {
    await this.#alone(async () => {
      const obtainedAt = Date.now();
      const use = await this.#ledger.use();
      try {
        const answer = await this.#routes.post('step-up', { ...body, ...this.#wire(use) });
        this.#renewed(await this.#keep(answer, obtainedAt, use));
      } catch (error) {
        if (use) await this.#refused(error as AuthClientError, use);
        throw error;
      }
    });
  }

  /** Takes effect here at once, and at the server as soon as it can be reached. */
  async signOut(): Promise<void> {
    // The page may be closed before the request is sent.
    this.#leftSession.write(this.state.token?.sessionId ?? '');
    this.#leave('signed_out');
    await this.catchUp();
  }

  /** Finishes a sign-out, unless a user has signed in since. */
  async catchUp(): Promise<void> {
    if (this.#leftSession.read() == null) return;
    await this.#alone(async () => {
      if (this.#leftSession.read() != null) await this.#finishSignOut();
    });
  }

  close(): void {
    this.#tabs.close();
  }

  async #finishSignOut(): Promise<void> {
    const session = await this.#ledger.read().catch(() => undefined);
    // A tab hears late of what another has done. Then the cookie may belong to a session that has begun since.
    const session_id = this.#leftSession.read();
    try {
      if (session || this.#cookie) {
        await this.#routes.insist(() => this.#routes.post('logout', { ...credentialsOf(session), session_id }));
      }
      this.#leftSession.remove();
    } finally {
      if (!this.state.token) await this.#clear();
      if (!this.#cookie) this.#leftSession.remove();
    }
  }

  async #renewAlone(used: AccessToken | null | undefined, waited: boolean): Promise<AccessToken | null> {
    if (!this.#isReplaced(used)) await this.#tabs.ask(used, waited);
    if (this.#isReplaced(used)) return this.state.token!;
    if (this.#leftSession.read() != null) await this.#finishSignOut();
    return this.#routes.insist(() => this.#attempt(used));
  }

  async #attempt(used: AccessToken | null | undefined): Promise<AccessToken | null> {
    const { state } = this;
    if (this.#isReplaced(used)) return state.token!;
    const left = this.#notBefore - performance.now();
    if (left > 0) throw unavailable('Try later.', undefined, left);
    const use = await this.#ledger.use().catch(() => null);
    if (!use) return this.#nobodyForNow(use === null);
    const obtainedAt = Date.now();
    try {
      const answer = await this.#routes.refresh(this.#wire(use), state.listeners);
      // If the user signed out in the meantime, they stay signed out. If somebody signed in, they stay signed in.
      if (this.#isReplaced(used) && state.token?.sessionId !== answer.session_id) return state.token!;
      return this.#renewed(await this.#keep(answer, obtainedAt, use));
    } catch (error) {
      if (this.#isReplaced(used)) return state.token!;
      return this.#refused(error as AuthClientError, use);
    }
  }

  /** Whether the session has gone on, ended or begun since `used` was the state. */
  #isReplaced(used: AccessToken | null | undefined): boolean {
    const { token } = this.state;
    if (token === null) return used !== null;
    return token !== undefined && token.value !== used?.value;
  }

  #renewed(token: AccessToken): AccessToken {
    const { state } = this;
    this.#unprovenCookie = undefined;
    // A different tab may have told of a newer one.
    if (state.token?.sessionId === token.sessionId && !state.isOlderThan(token)) return state.token;
    state.adopt(token);
    this.#tabs.tell('token', token);
    return token;
  }

  /** The session is over only if the server says so. Everything else means "later". */
  async #refused(error: AuthClientError, use: Use): Promise<null> {
    const { code, retryAfter } = error;
    if (retryAfter) this.#notBefore = performance.now() + Math.min(retryAfter, LONGEST_PAUSE);
    if (code === 'superseded') await this.#ledger.useAfresh(use);
    if (code === 'step_up_required') this.state.announce(code);
    // With a store, a token was sent: something on the way has dropped it.
    const isOver = code === 'invalid_grant' || (code === 'refresh_token_missing' && !!this.#cookie);
    if (isOver && (await this.#ledger.isCurrent(use))) return this.#nobody(error);
    // Somebody else has refreshed with the same store or cookie. The next attempt presents the new token.
    if (isOver || code === 'superseded') throw unavailable('Try later.');
    throw error;
  }

  /** A store that is locked looks like one that is empty: nothing is cleared, and it is asked again. */
  #nobodyForNow(isUnreadable: boolean): null {
    const { state } = this;
    this.#isEmptyForNow = true;
    if (state.token) state.doubt();
    else if (!isUnreadable && state.shown.status === 'unknown' && !state.isDoubted) state.forget('signed_out');
    return null;
  }

  /** The server has no session for this client. */
  async #nobody(error: AuthClientError): Promise<null> {
    const { token } = this.state;
    const isNotKept = error.code === 'refresh_token_missing' && token?.sessionId === this.#unprovenCookie;
    await this.#clear();
    this.#isEmptyForNow = false;
    if (!token) {
      this.state.forget('signed_out');
      return null;
    }
    const reason = isNotKept ? cookieNotKept(error.status) : error;
    this.#leave('ended', reason);
    if (!isNotKept) return null;
    console.warn(reason.message);
    throw reason;
  }

  /** Forgets the session in all tabs. */
  #leave(how: 'signed_out' | 'ended', error?: AuthClientError): void {
    const sessionId = this.state.token?.sessionId;
    this.#isEmptyForNow = false;
    this.state.forget(how, error);
    this.#tabs.tellLeft(how, sessionId);
  }

  async #clear(): Promise<void> {
    await this.#ledger.clear();
    await this.proofs?.clear();
  }

  async #begin(answer: AuthAnswer, obtainedAt: number, key?: string): Promise<void> {
    this.#leftSession.remove();
    await this.#ledger.begin(answer, key);
    const token = this.#kept(answer, obtainedAt);
    this.#notBefore = 0;
    this.#unprovenCookie = token.sessionId;
    this.state.adopt(token, 'signed_in');
    this.#tabs.tell('signed_in', token);
  }

  async #keep(answer: AuthAnswer, obtainedAt: number, use: Use | undefined): Promise<AccessToken> {
    await (use ? this.#ledger.keep(answer, use) : this.#ledger.begin(answer));
    return this.#kept(answer, obtainedAt);
  }

  #kept(answer: AuthAnswer, obtainedAt: number): AccessToken {
    const token = accessTokenOf(answer, obtainedAt);
    this.proofs?.sessionIs(isBound(token));
    this.#isEmptyForNow = false;
    return token;
  }

  #wire(use: Use | undefined): object {
    if (use?.dpop) this.proofs?.sessionIs(true);
    return { ...credentialsOf(use), ...(use && this.#ledger.wire(use)) };
  }

  /** A different tab has done something; this one takes it over. */
  #hear({ type, ...news }: TabMessage): void {
    this.#isEmptyForNow = false;
    if (type === 'token') return;
    this.proofs?.forget();
    if (type !== 'signed_in') return;
    this.#leftSession.remove();
    this.#notBefore = 0;
    if ('token' in news) this.#unprovenCookie = news.token.sessionId;
  }
}

function credentialsOf(session: Partial<Use> | undefined): object {
  return { refresh_token: session?.refreshToken, client_nonce: session?.clientNonce };
}
