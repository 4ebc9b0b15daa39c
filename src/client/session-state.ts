import { type AccessToken, type Ageing, ageing } from './access-token.js';

/** What can happen to the session, as the application hears of it. */
export interface AuthChange {
  /**
   * `restored`: there was a session already; `refreshed`: the access token was renewed, perhaps with other permissions;
   * `signed_out`: by this application, or there was no session; `ended`: by the server; `step_up_required`: the server wants
   * to see the credentials again before it goes on.
   */
  readonly type: 'restored' | 'signed_in' | 'refreshed' | 'signed_out' | 'ended' | 'step_up_required';
  readonly signedIn: boolean;
  readonly sessionId?: string;
  /** Milliseconds that the access token lives in all. */
  readonly lifetime?: number;
  /** Milliseconds that it still lives. */
  readonly expiresIn?: number;
}

/** Receives every {@link AuthChange}. */
export type AuthChangeListener = (change: AuthChange) => void;

/** The access token of this tab: in memory, and nowhere else. */
export class SessionState {
  /** `null`: signed out; `undefined`: nobody has asked the server yet. */
  token: AccessToken | null | undefined;
  age: Ageing | undefined;
  /** When the last session ended, by the clock of this machine. */
  endedAt = 0;
  readonly listeners = new Set<AuthChangeListener>();

  adopt(token: AccessToken, type: AuthChange['type'] = this.#typeOfRenewal()): void {
    this.token = token;
    this.age = ageing(token);
    this.announce(type);
  }

  forget(type: 'signed_out' | 'ended'): void {
    this.endedAt = Date.now();
    const known = this.token !== null;
    this.token = null;
    this.age = undefined;
    if (known) this.announce(type);
  }

  /** Whether the token is younger than the one that is here, and than the end of the last session. */
  isOlderThan(token: AccessToken): boolean {
    return token.obtainedAt > (this.token?.obtainedAt ?? this.endedAt) && !ageing(token).expired();
  }

  /** A tab that was signed out hears of a new session by a token of it. */
  #typeOfRenewal(): AuthChange['type'] {
    return this.token ? 'refreshed' : this.token === null ? 'signed_in' : 'restored';
  }

  /** Settles at the next change. */
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
    // What a listener throws is reported, and disturbs nobody.
    for (const listener of this.listeners) queueMicrotask(() => listener(change));
  }
}
