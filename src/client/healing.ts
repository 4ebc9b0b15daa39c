import type { AccessToken } from './access-token.js';
import { AuthClientError } from './auth-client-error.js';
import type { SessionKeeper } from './session-keeper.js';

/** For this many milliseconds, a server that refuses new tokens too does not cause another refresh. */
const QUIET = 30_000;

/** Finds tokens for requests, and new ones after a refusal. `client.fetch` and axios share it. */
export class Healing {
  readonly #keeper: SessionKeeper;
  /** The last token that an origin has refused, if it has accepted none since. */
  readonly #refused = new Map<string, { token: AccessToken; at: number }>();

  constructor(keeper: SessionKeeper) {
    this.#keeper = keeper;
  }

  /**
   * A token for a request of `issuer`, the session when the request was made. If that was not known yet, any session will
   * do.
   *
   * @throws AuthClientError `session_changed` if another session has begun since
   */
  async tokenFor(issuer: string | undefined): Promise<AccessToken | null> {
    const token = await this.#keeper.current();
    if (issuer && token && token.sessionId !== issuer) {
      throw new AuthClientError('session_changed', 'A different session has begun. The request was not sent.');
    }
    return token;
  }

  /** Notes that an origin has accepted a token. */
  accepted(origin: string): void {
    this.#refused.delete(origin);
  }

  /**
   * A token that replaces one that an origin has refused. `null` if the session has ended, if a different one has begun, or
   * if the origin has just refused the token before as well. Then its clock or its keys are wrong, and a refresh would not
   * help.
   */
  async renewed(origin: string, used: AccessToken): Promise<AccessToken | null> {
    const isCurrent = this.#keeper.state.token?.value === used.value;
    if (isCurrent && this.#isVain(origin, used)) return null;
    const token = await this.#keeper.renew(used);
    if (token?.sessionId !== used.sessionId) return null;
    if (isCurrent) this.#refused.set(origin, { token: used, at: performance.now() });
    return token;
  }

  #isVain(origin: string, used: AccessToken): boolean {
    const last = this.#refused.get(origin);
    return (
      last?.token.sessionId === used.sessionId && last.token.value !== used.value && performance.now() - last.at < QUIET
    );
  }
}

const all = new WeakMap<SessionKeeper, Healing>();

export function healingOf(keeper: SessionKeeper): Healing {
  const healing = all.get(keeper) ?? new Healing(keeper);
  all.set(keeper, healing);
  return healing;
}
