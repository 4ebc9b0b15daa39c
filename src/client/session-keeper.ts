import type { AccessToken } from './access-token.js';
import { AuthClientError } from './auth-client-error.js';
import { type AuthAnswer, type AuthRoutes, authRoutes, LONG, SAFE, UNAVAILABLE } from './auth-routes.js';
import type { ResolvedClientOptions } from './client-options.js';
import { type KeptSession, keptSession } from './kept-session.js';
import { delay } from './platform.js';
import { ProvenFetch } from './proven-fetch.js';
import { SessionState } from './session-state.js';
import { openTabChannel, type TabChannel, type TabMessage } from './tab-channel.js';
import { type Alone, tabLock } from './tab-lock.js';
import { type UnfinishedLogout, unfinishedLogout } from './unfinished-logout.js';

/** Milliseconds that a tab waits for the result of a different tab, if it had to wait for the lock. */
const RESULT_TIMEOUT = 1_000;
/** The same if it did not have to wait, but other tabs exist: a result may be on its way. */
const ANSWER_TIMEOUT = 100;

/** Begins, renews and ends the session, one operation at a time in this tab and across tabs. */
export class SessionKeeper {
  readonly state = new SessionState();
  readonly requests: ProvenFetch;
  readonly #options: ResolvedClientOptions;
  readonly #routes: AuthRoutes;
  readonly #kept: KeptSession;
  readonly #alone: Alone;
  readonly #tabs: TabChannel;
  readonly #logout: UnfinishedLogout;
  #renewal: Promise<AccessToken | null> | undefined;
  #notBefore = 0;
  /** When the current refresh sent its token, in this tab or a different one. 0 if no refresh is under way. */
  #sentAt = 0;
  #hasNeighbours = false;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
    if (!options.restore) {
      this.state.token = null;
      this.state.observable.change({ status: 'signed_out' });
    }
    this.requests = new ProvenFetch(options);
    this.#routes = authRoutes(options, this.requests);
    this.#kept = keptSession(options.store);
    this.#alone = tabLock(options.name);
    this.#logout = unfinishedLogout(options.name);
    this.#tabs = openTabChannel(options.name, (message) => this.#hear(message));
    this.#tabs.post({ type: 'ask', after: 0 });
  }

  /** A token that is valid now; `null` if nobody is signed in. */
  async current(): Promise<AccessToken | null> {
    const { token, age } = this.state;
    return token === null || (token && !age!.expired()) ? token : this.renew(token);
  }

  /** Fetches a token that replaces `used`. All callers during a refresh get the same token. */
  async renew(used: AccessToken | null | undefined): Promise<AccessToken | null> {
    const { token } = this.state;
    if (token !== undefined && token?.value !== used?.value) return token;
    this.#renewal ??= this.#observed(this.#alone((waited) => this.#renewAlone(used, waited)));
    return this.#renewal;
  }

  async #observed(renewal: Promise<AccessToken | null>): Promise<AccessToken | null> {
    const { observable } = this.state;
    // A listener may ask for a token, and must find this renewal.
    queueMicrotask(() => this.#renewal && observable.change({ isRefreshing: true }));
    const ended = (error: AuthClientError | null) => {
      this.#renewal = undefined;
      observable.change({ isRefreshing: false, error });
    };
    try {
      const token = await renewal;
      ended(null);
      return token;
    } catch (error) {
      ended(error as AuthClientError);
      throw error;
    }
  }

  /** Decides whether a refused request is worth repeating, and returns the new token for it. */
  afterRefusal(used: AccessToken, status: number, code: string | undefined): Promise<AccessToken | null> | undefined {
    const healed = code === 'token_expired' || code === 'token_stale';
    // A refresh shows whether the session has ended.
    if (status !== 401 || (!healed && code !== 'token_revoked')) return undefined;
    const renewal = this.renew(used);
    // The caller may not wait for the renewal.
    renewal.catch(() => undefined);
    return healed ? renewal : undefined;
  }

  async signIn(body: object): Promise<void> {
    await this.#alone(async () => {
      const obtainedAt = Date.now();
      const transport = this.#options.store ? 'body' : 'cookie';
      const answer = await this.#routes.post('login', { ...body, transport });
      this.#logout.forget();
      const token = await this.#take(answer, obtainedAt);
      this.#notBefore = 0;
      this.state.adopt(token, 'signed_in');
      this.#tabs.post({ type: 'signed_in', token });
    });
  }

  /** Sends the password again. Then the session goes on as after a refresh. */
  async stepUp(body: object): Promise<void> {
    await this.#alone(async () => {
      const obtainedAt = Date.now();
      const session = await this.#kept.load();
      const answer = await this.#routes.post('step-up', { ...body, ...wireOf(session) });
      this.#renewed(await this.#take(answer, obtainedAt, session?.clientNonce));
    });
  }

  /** Takes effect here at once, and at the server as soon as it can be reached. */
  async signOut(): Promise<void> {
    // The page may be closed before the request is sent.
    this.#logout.remember(this.state.token?.sessionId);
    this.leave('signed_out');
    await this.catchUp();
  }

  /** Forgets the session in all tabs. */
  leave(how: 'signed_out' | 'ended'): void {
    this.state.forget(how);
    this.#tabs.post({ type: 'signed_out', how });
  }

  /** Finishes a sign-out, unless a user has signed in since. */
  async catchUp(): Promise<void> {
    if (this.#logout.remembered() == null) return;
    await this.#alone(async () => {
      if (this.#logout.remembered() != null) await this.#finishSignOut();
    });
  }

  close(): void {
    this.#tabs.close();
  }

  async #finishSignOut(): Promise<void> {
    const session = await this.#kept.load();
    // A tab hears late of what another has done. Then the cookie may belong to a session that has begun since.
    const session_id = this.#logout.remembered();
    try {
      if (session || !this.#options.store) {
        await this.#routes.insist(() => this.#routes.post('logout', { ...wireOf(session), session_id }));
      }
      this.#logout.forget();
    } finally {
      if (!this.state.token) await this.#clear();
      if (this.#options.store) this.#logout.forget();
    }
  }

  async #renewAlone(used: AccessToken | null | undefined, waited: boolean): Promise<AccessToken | null> {
    const { state } = this;
    const isAnother = () => state.token === null || state.token?.value !== used?.value;
    if (this.#hasNeighbours && (waited || used) && !isAnother()) {
      this.#sentAt = 0;
      this.#tabs.post({ type: 'ask', after: used?.obtainedAt ?? state.endedAt });
      await Promise.race([state.changed(), delay(waited ? RESULT_TIMEOUT : ANSWER_TIMEOUT)]);
    }
    const age = Date.now() - this.#sentAt;
    // The server may already have this token. If it arrived again after the grace window, the server would treat it as
    // reuse.
    if (age > SAFE && age < LONG && !isAnother()) await Promise.race([state.changed(), delay(LONG - age)]);
    if (isAnother()) return state.token!;
    if (this.#logout.remembered() != null) await this.#finishSignOut();
    if (age > SAFE) this.#sentAt = Date.now();
    return this.#routes
      .insist(async () => (isAnother() ? state.token! : this.#attempt()))
      .finally(() => (this.#sentAt = 0));
  }

  async #attempt(): Promise<AccessToken | null> {
    const { state } = this;
    const kept = this.#kept;
    const left = this.#notBefore - Date.now();
    if (left > 0) throw new AuthClientError(UNAVAILABLE, 'Try later.', undefined, left);
    const before = state.token;
    const session = await kept.load();
    if (this.#options.store && !session) return this.#nobody();
    const obtainedAt = Date.now();
    try {
      const answer = await this.#routes.refresh(wireOf(session), this.#sentAt, state.listeners);
      // If the user signed out in the meantime, they stay signed out.
      if (state.token !== before) return state.token!;
      return this.#renewed(await this.#take(answer, obtainedAt, session?.clientNonce));
    } catch (error) {
      if (state.token !== before) return state.token!;
      return this.#refused(error, session?.refreshToken);
    }
  }

  #renewed(token: AccessToken): AccessToken {
    this.state.adopt(token);
    this.#tabs.post({ type: 'token', token });
    return token;
  }

  async #refused(error: unknown, sent: string | undefined): Promise<null> {
    const { code, retryAfter } = error as AuthClientError;
    if (retryAfter) this.#notBefore = Date.now() + retryAfter;
    // Nothing else means that there is no session. With a store, a token was sent: something on the way has dropped it.
    if (code === 'invalid_grant' || (code === 'refresh_token_missing' && !sent)) {
      if ((await this.#kept.load())?.refreshToken === sent) return this.#nobody();
      // A different process has refreshed with the same store. The next attempt presents its new token.
      throw new AuthClientError(UNAVAILABLE, 'Try later.');
    }
    if (code === 'step_up_required') this.state.announce(code);
    throw error;
  }

  /** The server has no session for this client. */
  async #nobody(): Promise<null> {
    await this.#clear();
    if (this.state.token) this.leave('ended');
    else this.state.forget('signed_out');
    return null;
  }

  async #clear(): Promise<void> {
    await this.#kept.clear();
    await this.requests.key?.clear();
  }

  async #take(answer: AuthAnswer, obtainedAt: number, clientNonce = answer.client_nonce): Promise<AccessToken> {
    if (answer.refresh_token) await this.#kept.save({ refreshToken: answer.refresh_token, clientNonce });
    return {
      value: answer.access_token,
      type: answer.token_type,
      sessionId: answer.session_id,
      lifetime: answer.expires_in * 1000,
      obtainedAt,
    };
  }

  #hear(message: TabMessage): void {
    this.#hasNeighbours = true;
    const { state } = this;
    switch (message.type) {
      case 'signed_in':
        this.#logout.forget();
        this.requests.key?.forget();
        this.#notBefore = 0;
        return state.adopt(message.token, 'signed_in');
      case 'token':
        return state.isOlderThan(message.token) ? state.adopt(message.token) : undefined;
      case 'signed_out':
        this.requests.key?.forget();
        return state.forget(message.how);
      case 'ask':
        if (state.token && state.token.obtainedAt > message.after && !state.age!.expired()) {
          return this.#tabs.post({ type: 'token', token: state.token });
        }
        return this.#sentAt ? this.#tabs.post({ type: 'sent', at: this.#sentAt }) : undefined;
      case 'sent':
        this.#sentAt ||= message.at;
    }
  }
}

function wireOf(session: { refreshToken: string; clientNonce?: string } | undefined): object {
  return { refresh_token: session?.refreshToken, client_nonce: session?.clientNonce };
}
