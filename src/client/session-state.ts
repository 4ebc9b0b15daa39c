import { type AccessToken, type Ageing, ageing, isBound } from './access-token.js';
import type { AuthClientError } from './auth-client-error.js';

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
   * - `signed_in`: a user signed in, in this tab or a different one. It may be a different user than before.
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
  /** Whether the session is bound to the key of this device, if a user is signed in: see the option `dpop`. */
  readonly bound?: boolean;
  /** The access token's full lifetime in milliseconds. */
  readonly lifetime?: number;
  /** The access token's remaining lifetime in milliseconds. */
  readonly expiresIn?: number;
  /** Only for `ended`: what the server said. */
  readonly error?: AuthClientError;
}

/**
 * A function that `client.onChange` calls with every {@link AuthChange}.
 *
 * @example
 * const listener: AuthChangeListener = ({ type }) => console.log(type);
 */
export type AuthChangeListener = (change: AuthChange) => void;

/**
 * What is known of the session at this moment. It is immutable: `client.state` is the same object until something
 * changes.
 *
 * @example
 * const { status, user }: AuthState = client.state;
 */
export interface AuthState<User = unknown> {
  /** `unknown` until the server, or the store, has been asked. */
  readonly status: 'unknown' | 'signed_in' | 'signed_out';
  /** The signed-in user, if `client.user()` has already asked for them. Never the user of an earlier session. */
  readonly user: User | null;
  /** Whether the access token is being renewed. */
  readonly isRefreshing: boolean;
  /** Why the last renewal failed; `null` after the next one that succeeds. */
  readonly error: AuthClientError | null;
}

/** The token that was the state when somebody asked for a new one. */
export type Used = AccessToken | null | undefined;

/** Tells tokens apart, and nobody (`null`) from what is not known. */
const valueOf = (token: Used) => token?.value ?? token;

/** The access token of this tab. It is kept in memory only. */
export class SessionState {
  /** `null`: signed out. `undefined`: the server has not been asked yet. */
  token: AccessToken | null | undefined;
  age: Ageing | undefined;
  /** When the last session ended, by this machine's clock, in milliseconds. */
  endedAt = 0;
  readonly listeners = new Set<AuthChangeListener>();
  readonly subscribers = new Set<() => void>();
  readonly failureListeners = new Set<(error: AuthClientError) => void>();
  shown: AuthState = { status: 'unknown', user: null, isRefreshing: false, error: null };
  /** The session before it was put in doubt. */
  #doubted: string | undefined;

  adopt(token: AccessToken, type: AuthChange['type'] = this.#typeOfRenewal(token)): void {
    const isSameSession = this.token?.sessionId === token.sessionId;
    this.#is(token);
    this.show({ status: 'signed_in', error: null, ...(!isSameSession && { user: null }) });
    this.announce(type);
  }

  forget(type: 'signed_out' | 'ended', error: AuthClientError | null = null): void {
    this.endedAt = Date.now();
    const known = this.token !== null;
    this.#is(null);
    this.show({ status: 'signed_out', user: null, error });
    if (known) this.announce(type, error ?? undefined);
  }

  /** The session may have been replaced behind this tab: the next use asks the server. */
  doubt(): void {
    if (!this.token) return;
    this.#is(undefined, this.token.sessionId);
    this.show({ status: 'unknown', user: null });
  }

  /**
   * Whether the state is older than this token. In one session the generation decides; otherwise the token must be newer
   * than the current one, and newer than the end of the last session.
   */
  isOlderThan(token: AccessToken): boolean {
    const current = this.token;
    if (ageing(token).expired() || token.value === current?.value) return false;
    if (current?.sessionId !== token.sessionId) return token.obtainedAt > (current?.obtainedAt ?? this.endedAt);
    return current.generation === token.generation
      ? token.obtainedAt >= current.obtainedAt
      : token.generation > current.generation;
  }

  /** Whether the session has gone on, ended or begun since `used` was the state. */
  isReplaced(used: Used): boolean {
    return this.token !== undefined && valueOf(this.token) !== valueOf(used);
  }

  /** The session that the application believes in; also one that is in doubt. */
  get sessionId(): string | undefined {
    return this.token?.sessionId ?? this.#doubted;
  }

  #is(token: AccessToken | null | undefined, doubted?: string): void {
    this.token = token;
    this.age = token ? ageing(token) : undefined;
    this.#doubted = doubted;
  }

  #typeOfRenewal({ sessionId }: AccessToken): AuthChange['type'] {
    const before = this.sessionId;
    if (before !== undefined) return before === sessionId ? 'refreshed' : 'signed_in';
    // A signed-out tab learns of a new session when it receives a token.
    return this.token === null ? 'signed_in' : 'restored';
  }

  /** Resolves at the next change, or after this number of milliseconds. */
  changed(longest: number): Promise<void> {
    return new Promise((resolve) => {
      const once = () => {
        clearTimeout(timer);
        this.listeners.delete(once);
        resolve();
      };
      const timer = setTimeout(once, longest);
      this.listeners.add(once);
    });
  }

  /** A renewal has failed. The session goes on. */
  fail(error: AuthClientError): void {
    this.show({ error });
    tell(this.failureListeners, error);
  }

  announce(type: AuthChange['type'], error?: AuthClientError): void {
    const { token, age } = this;
    const change: AuthChange = {
      type,
      signedIn: !!token,
      sessionId: token?.sessionId,
      bound: token ? isBound(token) : undefined,
      lifetime: token?.lifetime,
      expiresIn: age?.left(),
      error,
    };
    tell(this.listeners, change);
  }

  show(change: Partial<AuthState>): void {
    const { shown } = this;
    const isNews = Object.entries(change).some(([name, value]) => shown[name as keyof AuthState] !== value);
    if (!isNews) return;
    this.shown = Object.freeze({ ...shown, ...change });
    tell(this.subscribers, undefined);
  }
}

/** If a listener throws, the error is reported globally and the other listeners still run. */
function tell<T>(listeners: Set<(news: T) => void>, news: T): void {
  for (const listener of listeners) {
    // One may have unsubscribed since.
    queueMicrotask(() => listeners.has(listener) && listener(news));
  }
}
