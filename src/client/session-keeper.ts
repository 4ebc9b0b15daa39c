import { type AccessToken, accessTokenOf, authorized, isBound } from './access-token.js';
import type { AuthClientError } from './auth-client-error.js';
import { cookieNotKept, invalidTokens, sessionChanged, SUPERSEDED, unavailable } from './client-errors.js';
import { type AuthAnswer, isAuthAnswer } from './auth-answer.js';
import { authRoutes, isSessionOver } from './auth-routes.js';
import type { ResolvedClientOptions } from './client-options.js';
import type { Proofs, Send } from './dpop-option.js';
import { cookieUses } from './ledger/cookie-uses.js';
import { freshKey } from './ledger/fresh-key.js';
import { sessionLedger, type Use } from './ledger/session-ledger.js';
import { SessionState, type Used } from './session-state.js';
import { STORE_RETRY } from './times.js';
import { sessionTabs } from './tabs/session-tabs.js';
import { tabLock } from './tabs/tab-lock.js';
import { credentialsOf, unfinishedSignOut } from './unfinished-sign-out.js';

/** Begins, renews and ends the session, one operation at a time in this tab and across tabs. */
export interface SessionKeeper {
  readonly state: SessionState;
  /** Only with the option `dpop`. */
  readonly proofs: Proofs | undefined;
  readonly send: Send;
  /** A token that is valid now; `null` if nobody is signed in. @throws AuthClientError as `renew` does */
  current(): Promise<AccessToken | null>;
  /**
   * Fetches a token that replaces `used`. All callers during a refresh get the same token.
   *
   * @throws AuthClientError `temporarily_unavailable` or a code of the server: the session goes on
   */
  renew(used: Used): Promise<AccessToken | null>;
  /** Tries now, even if the server has asked the client to wait. Does nothing if nobody is signed in. */
  renewNow(): Promise<void>;
  /** With the ticket of a first step, it is the second one. */
  signIn(body: { mfa_ticket?: unknown }): Promise<void>;
  /**
   * Goes on with a session that this client has not begun. Without an answer, it is in the cookie or in the store.
   *
   * @returns whether there is a session
   */
  adopt(answer?: AuthAnswer): Promise<boolean>;
  /** Sends the password again. Then the session goes on as after a refresh. */
  stepUp(body: object): Promise<void>;
  /** Takes effect here at once, and at the server as soon as it can be reached. */
  signOut(): Promise<void>;
  /** Finishes a sign-out, unless a user has signed in since. */
  catchUp(): Promise<void>;
  close(): void;
}

export function sessionKeeper(options: ResolvedClientOptions): SessionKeeper {
  const { name, store, refused } = options;
  const state = new SessionState();
  if (!options.restore) state.forget('signed_out');
  const proofs = options.dpop ? options.dpop.proofsOf(options) : undefined;
  const send: Send = proofs?.send ?? ((input, init, token) => options.fetch(input, authorized(init, token)));
  const routes = authRoutes(options, send);
  /** Only where the token is in the cookie. */
  const cookie = store ? undefined : cookieUses(name);
  const ledger = sessionLedger(store ?? cookie!, options.claims);
  const alone = tabLock(name);

  let renewal: ReturnType<SessionKeeper['renew']> | undefined;
  /** A sign-in that is under way does not bring back a user who has signed out since. */
  let signOuts = 0;
  /** Before this time of the monotonic clock, only an explicit refresh asks the server. */
  let notBefore = 0;
  /** A session whose cookie has not been seen to work. */
  let unprovenCookie: string | undefined;
  /** The store had no session for now. It is asked again at the next use. */
  let isEmptyForNow = false;

  /** Clears this session only: somebody may have signed in with the same store or cookie. */
  const clear = async (sessionId: string | undefined) => {
    if (await ledger.clear(sessionId)) await proofs?.clear().catch(() => undefined);
  };
  const signOut = unfinishedSignOut(name, !store, routes, ledger, async (sessionId) => {
    if (!state.token) await clear(sessionId);
  });

  if (signOut.isDue()) state.show({ status: 'signed_out' });

  /** A different tab has done something; this one takes it over. */
  const tabs = sessionTabs(name, state, cookie, (news) => {
    isEmptyForNow = false;
    if (news.type === 'token') return;
    proofs?.forget();
    if (news.type !== 'signed_in') return;
    signOut.cancel();
    notBefore = 0;
    unprovenCookie = news.token.sessionId;
  });

  const kept = (answer: AuthAnswer, obtainedAt: number) => {
    const token = accessTokenOf(answer, obtainedAt);
    proofs?.sessionIs(isBound(token));
    isEmptyForNow = false;
    return token;
  };

  const begin = async (answer: AuthAnswer, obtainedAt: number, key?: string) => {
    signOut.cancel();
    await ledger.begin(answer, key);
    const token = kept(answer, obtainedAt);
    notBefore = 0;
    unprovenCookie = token.sessionId;
    state.adopt(token, 'signed_in');
    tabs.tell('signed_in', token);
  };

  /** The session goes on with the token that a use has brought, unless the user has left it in the meantime. */
  const goOn = async (used: Used, answer: AuthAnswer, obtainedAt: number, use: Use | undefined) => {
    const isLeft = () => state.isReplaced(used) && state.token?.sessionId !== answer.session_id;
    // An answer for a different session than that of the token is not from this server.
    if (store && use?.sessionId && use.sessionId !== answer.session_id) throw unavailable('Try later.');
    if (!isLeft()) await (use ? ledger.keep(answer, use) : ledger.begin(answer));
    if (isLeft()) return state.token!;
    const token = kept(answer, obtainedAt);
    unprovenCookie = undefined;
    // A different tab may have told of a newer one.
    if (state.token?.sessionId === token.sessionId && !state.isOlderThan(token)) return state.token;
    state.adopt(token);
    tabs.tell('token', token);
    return token;
  };

  /** Forgets the session in all tabs. */
  const leave = (how: 'signed_out' | 'ended', error?: AuthClientError) => {
    const { sessionId } = state;
    isEmptyForNow = false;
    state.forget(how, error);
    tabs.tellLeft(how, sessionId);
  };

  /** The page may be closed before the server is told. */
  const leaveForGood = () => {
    signOuts++;
    signOut.note(state);
    leave('signed_out');
  };

  /** A store that is locked looks like one that is empty: nothing is cleared, and it is asked again. */
  const nobodyForNow = (isUnreadable: boolean) => {
    isEmptyForNow = true;
    if (state.token) state.doubt();
    else if (!isUnreadable && state.shown.status === 'unknown' && !state.sessionId) state.forget('signed_out');
    return null;
  };

  /** The server has no session for this client. */
  const nobody = async (error: AuthClientError, use: Use) => {
    const { token } = state;
    const isNotKept = !!token && error.code === 'refresh_token_missing' && token.sessionId === unprovenCookie;
    const reason = isNotKept ? cookieNotKept(error.status) : error;
    isEmptyForNow = false;
    if (token) leave('ended', reason);
    else state.forget('signed_out');
    await clear(use.sessionId);
    if (!isNotKept) return null;
    console.warn(reason.message);
    throw reason;
  };

  /** The session is over only if the server says so. Everything else means "later". */
  const refusedWith = async (error: AuthClientError, use: Use): Promise<null> => {
    const { code } = error;
    if (code === SUPERSEDED && !(await ledger.useAfresh(use))) {
      notBefore = performance.now() + STORE_RETRY;
      throw unavailable('The store cannot be written.', undefined, STORE_RETRY);
    }
    if (code === 'step_up_required') state.announce(code);
    const isOver = isSessionOver(error, !!store);
    if (isOver && (await ledger.isCurrent(use))) return nobody(error, use);
    // Somebody else has refreshed. The next attempt presents the new token.
    throw isOver || code === SUPERSEDED ? unavailable('Try later.') : error;
  };

  const wire = (use: Use | undefined) => {
    // With the cookie, the browser may have lost the key without the note of it.
    if (store && use?.dpop) proofs?.sessionIs(true);
    return { ...credentialsOf(use), ...(use && ledger.wire(use)) };
  };

  const attempt = async (used: Used): Promise<AccessToken | null> => {
    if (state.isReplaced(used)) return state.token!;
    const left = notBefore - performance.now();
    if (left > 0) throw unavailable('Try later.', undefined, left);
    const use = await ledger.use().catch((error: AuthClientError) => {
      state.fail(error);
      return null;
    });
    if (!use || (store && !use.refreshToken)) return nobodyForNow(use === null);
    const obtainedAt = Date.now();
    try {
      const answer = await routes.refresh(wire(use), state.listeners, () => ledger.isCurrent(use));
      // If the user signed out in the meantime, they stay signed out. If somebody signed in, they stay signed in.
      return await goOn(used, answer, obtainedAt, use);
    } catch (error) {
      if (state.isReplaced(used)) return state.token!;
      const { retryAfter } = error as AuthClientError;
      if (retryAfter) notBefore = performance.now() + retryAfter;
      return refusedWith(error as AuthClientError, use);
    }
  };

  const renewAlone = async (used: Used, waited: boolean) => {
    if (!state.isReplaced(used)) await tabs.ask(used, waited);
    if (state.isReplaced(used)) return state.token!;
    await signOut.finish();
    return routes.insist(() => attempt(used));
  };

  const keeper: SessionKeeper = {
    state,
    proofs,
    send,
    async current() {
      tabs.compare();
      const { token, age } = state;
      if (token === null && !isEmptyForNow) return null;
      return token && !age!.expired() ? token : keeper.renew(token);
    },
    async renew(used) {
      if (refused) throw refused;
      if (state.isReplaced(used)) return state.token!;
      if (renewal) return renewal;
      state.show({ isRefreshing: true });
      renewal = alone((waited) => renewAlone(used, waited))
        .catch((error: AuthClientError) => {
          state.fail(error);
          throw error;
        })
        .finally(() => {
          renewal = undefined;
          state.show({ isRefreshing: false });
        });
      return renewal;
    },
    async renewNow() {
      notBefore = 0;
      tabs.compare();
      const { token } = state;
      if (token !== null || isEmptyForNow) await keeper.renew(token);
    },
    signIn(body) {
      const before = signOuts;
      return alone(async () => {
        const obtainedAt = Date.now();
        const key = freshKey();
        const transport = store ? 'body' : 'cookie';
        const route = body.mfa_ticket ? 'login/continue' : 'login';
        const answer = await routes.post(route, { ...body, transport, idempotency_key: key });
        await begin(answer, obtainedAt, key);
        if (signOuts !== before) leaveForGood();
      });
    },
    async adopt(answer) {
      if (answer && !isAuthAnswer(answer, !!store)) throw invalidTokens(!!store);
      const obtainedAt = Date.now();
      await alone(async () => {
        // Nobody knows which requests have brought the token.
        if (answer) return begin(answer, obtainedAt);
        // A session that the user has left does not come back, if no other one was begun elsewhere.
        if (!signOut.isKnown()) signOut.cancel();
        await cookie?.clear();
        proofs?.forget();
        isEmptyForNow = true;
        state.doubt();
        // Another tab may still have a token of the session that the browser had before, and offer it.
        state.endedAt = obtainedAt;
      });
      notBefore = 0;
      return !!(await keeper.current());
    },
    stepUp: (body) =>
      alone(async () => {
        const obtainedAt = Date.now();
        const used = state.token;
        const use = await ledger.use();
        if (state.sessionId && use?.sessionId && use.sessionId !== state.sessionId) throw sessionChanged();
        try {
          const answer = await routes.post('step-up', { ...body, ...wire(use) });
          await goOn(used, answer, obtainedAt, use);
        } catch (error) {
          if (use) await refusedWith(error as AuthClientError, use);
          throw error;
        }
      }),
    async signOut() {
      if (refused) throw refused;
      leaveForGood();
      await keeper.catchUp();
    },
    async catchUp() {
      if (signOut.isDue()) await alone(signOut.finish);
    },
    close: () => tabs.close(),
  };
  return keeper;
}
