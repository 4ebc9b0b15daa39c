import { type AccessToken, type Ageing, ageing } from './access-token.js';
import { ObservableState } from './auth-state.js';

/**
 * A change of the session, as `client.onChange` reports it.
 *
 * @example
 * client.onChange(({ type, signedIn }: AuthChange) => {
 *   if (!signedIn) showLogin(type === 'ended');
 * });
 */
export interface AuthChange {
  /**
   * What happened:
   *
   * - `restored`: a session from an earlier visit goes on.
   * - `signed_in`: the user signed in, in this tab or a different one.
   * - `refreshed`: the access token was renewed; its permissions may have changed.
   * - `signed_out`: the application signed out, or there was no session.
   * - `ended`: the server ended the session.
   * - `step_up_required`: the user must authenticate again before the session goes on.
   */
  readonly type: 'restored' | 'signed_in' | 'refreshed' | 'signed_out' | 'ended' | 'step_up_required';
  /** Whether a user is signed in after the change. */
  readonly signedIn: boolean;
  /** The session's id, if a user is signed in. */
  readonly sessionId?: string;
  /** The access token's full lifetime in milliseconds. */
  readonly lifetime?: number;
  /** The access token's remaining lifetime in milliseconds. */
  readonly expiresIn?: number;
}

/**
 * A function that `client.onChange` calls with every {@link AuthChange}.
 *
 * @example
 * const listener: AuthChangeListener = ({ type }) => console.log(type);
 */
export type AuthChangeListener = (change: AuthChange) => void;

/** The access token of this tab. It is kept in memory only. */
export class SessionState {
  /** `null`: signed out. `undefined`: the server has not been asked yet. */
  token: AccessToken | null | undefined;
  age: Ageing | undefined;
  /** When the last session ended, by this machine's clock, in milliseconds. */
  endedAt = 0;
  readonly listeners = new Set<AuthChangeListener>();
  readonly observable = new ObservableState<unknown>();

  adopt(token: AccessToken, type: AuthChange['type'] = this.#typeOfRenewal()): void {
    const isSameSession = token.sessionId === this.token?.sessionId;
    this.token = token;
    this.age = ageing(token);
    this.observable.change({ status: 'signed_in', error: null, ...(!isSameSession && { user: null }) });
    this.announce(type);
  }

  forget(type: 'signed_out' | 'ended'): void {
    this.endedAt = Date.now();
    const known = this.token !== null;
    this.token = null;
    this.age = undefined;
    this.observable.change({ status: 'signed_out', user: null, error: null });
    if (known) this.announce(type);
  }

  /**
   * Whether the state is older than this token: the token is newer than the current one, and newer than the end of the
   * last session.
   */
  isOlderThan(token: AccessToken): boolean {
    return token.obtainedAt > (this.token?.obtainedAt ?? this.endedAt) && !ageing(token).expired();
  }

  /** A signed-out tab learns of a new session when it receives a token. */
  #typeOfRenewal(): AuthChange['type'] {
    return this.token ? 'refreshed' : this.token === null ? 'signed_in' : 'restored';
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      const once = () => {
        this.listeners.delete(once);
        resolve();
      };
      this.listeners.add(once);
    });
  }

  announce(type: AuthChange['type']): void {
    const change: AuthChange = {
      type,
      signedIn: !!this.token,
      sessionId: this.token?.sessionId,
      lifetime: this.token?.lifetime,
      expiresIn: this.age?.left(),
    };
    // If a listener throws, the error is reported globally and the other listeners still run.
    for (const listener of this.listeners) queueMicrotask(() => listener(change));
  }
}
