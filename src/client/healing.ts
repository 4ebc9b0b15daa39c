import type { AccessToken } from './access-token.js';
import { sessionChanged } from './client-errors.js';
import type { SessionKeeper } from './session-keeper.js';
import { MOST_RENEWALS, QUIET } from './times.js';

/** Finds tokens for requests, and new ones after a refusal. `client.fetch` and axios share it. */
export interface Healing {
  /**
   * A token for a request of `issuer`, the session when the request was made. If that was not known yet, any session will
   * do.
   *
   * @throws AuthClientError `session_changed` if another session has begun since
   */
  tokenFor(issuer: string | undefined): Promise<AccessToken | null>;
  /** Notes that an origin has accepted a token. */
  accepted(origin: string): void;
  /**
   * A token that replaces one that an origin has refused. `null` if the session has ended, if a different one has begun, or
   * if the origin has just refused the token before as well. Then its clock or its keys are wrong, and a refresh would not
   * help.
   */
  renewed(origin: string, used: AccessToken): Promise<AccessToken | null>;
}

export function healingBy(keeper: SessionKeeper): Healing {
  /** The last token that an origin has refused, and how many it has refused in a short time. */
  const refused = new Map<string, { token: AccessToken; at: number; count: number; isAccepted: boolean }>();
  const isVain = (origin: string, { sessionId, value }: AccessToken) => {
    const last = refused.get(origin);
    const isRecent = last?.token.sessionId === sessionId && performance.now() - last.at < QUIET;
    // Several services may be behind one origin: some refuse what others accept.
    return isRecent && last.token.value !== value && (!last.isAccepted || last.count >= MOST_RENEWALS);
  };
  return {
    async tokenFor(issuer) {
      const token = await keeper.current();
      if (issuer && token && token.sessionId !== issuer) throw sessionChanged();
      return token;
    },
    accepted(origin) {
      const last = refused.get(origin);
      if (last) last.isAccepted = true;
    },
    async renewed(origin, used) {
      const isCurrent = keeper.state.token?.value === used.value;
      if (isCurrent && isVain(origin, used)) return null;
      const token = await keeper.renew(used);
      if (token?.sessionId !== used.sessionId) return null;
      if (isCurrent) {
        const last = refused.get(origin);
        const at = performance.now();
        const count = last && at - last.at < QUIET ? last.count + 1 : 1;
        refused.set(origin, { token: used, at, count, isAccepted: false });
      }
      return token;
    },
  };
}
