import type { AuthClientError } from './auth-client-error.js';

/**
 * What is known of the session at one moment. It never changes: after a change, `client.state` is a new object.
 *
 * @example
 * const { status, user }: AuthState<AuthClientUser> = client.state;
 */
export interface AuthState<User> {
  /** `unknown`: the server has not been asked yet, or has not answered. */
  readonly status: 'unknown' | 'signed_in' | 'signed_out';
  /** The user, as soon as `client.user()` has loaded it. It is never the user of a previous session. */
  readonly user: User | null;
  /** Whether a refresh is under way in this tab. */
  readonly isRefreshing: boolean;
  /** Why the last refresh failed; `null` after one that succeeded. */
  readonly error: AuthClientError | null;
}

/** Holds the current {@link AuthState}, and tells subscribers after each change. */
export class ObservableState<User> {
  current: AuthState<User> = Object.freeze({ status: 'unknown', user: null, isRefreshing: false, error: null });
  readonly #listeners = new Set<() => void>();

  change(parts: Partial<AuthState<User>>): void {
    const next = { ...this.current, ...parts };
    const names = Object.keys(next) as (keyof AuthState<User>)[];
    if (names.every((name) => next[name] === this.current[name])) return;
    this.current = Object.freeze(next);
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // The other listeners still run, and the error is reported globally.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  subscribe(listener: () => void): () => void {
    // One function may subscribe twice, and each subscription ends by itself.
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
}
