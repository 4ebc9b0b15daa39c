import { unlessAborted } from './aborting.js';
import { type AuthAnswer, isAuthAnswer } from './auth-answer.js';
import { AuthClientError } from './auth-client-error.js';
import { superseded, UNAVAILABLE, unavailable } from './client-errors.js';
import type { AccessToken } from './access-token.js';
import type { ResolvedClientOptions } from './client-options.js';
import { delay, inBrowser } from './platform.js';
import type { Send } from './dpop-option.js';
import { jsonIn } from './responses.js';
import type { AuthChangeListener } from './session-state.js';
import { FIRST_PAUSE, LONGEST_PAUSE, LONGEST_REQUEST, MOST_ATTEMPTS, PATIENCE, STRAGGLING } from './times.js';

/** The server's routes that begin, renew and end sessions. */
export interface AuthRoutes {
  /**
   * Makes one attempt.
   *
   * @param token to be sent with it
   * @throws AuthClientError with the server's code, or `temporarily_unavailable`
   */
  post(path: string, body: object, token?: AccessToken): Promise<AuthAnswer>;
  /**
   * Makes several attempts at one use of a token. A slow attempt is not aborted, because the cookie of its response would
   * be lost. Instead, further attempts start. The session's next change aborts all of them: a late response could replace
   * the cookie of a newer session.
   *
   * @param isCurrent asked before each further attempt, because a different process may have finished this use: an old
   *   token must not be sent again
   * @throws AuthClientError `superseded` also if the use is not current any more
   */
  refresh(body: object, listeners: Set<AuthChangeListener>, isCurrent: () => Promise<boolean>): Promise<AuthAnswer>;
  /** Repeats the attempt for some seconds, while the server cannot be reached or cannot answer. */
  insist<T>(attempt: () => Promise<T>): Promise<T>;
}

export function authRoutes({ authUrl, store, timeout }: ResolvedClientOptions, send: Send): AuthRoutes {
  // Cloudflare Workers refuse the field. They have no cookies.
  const credentials = !store ? { credentials: 'include' as const } : inBrowser ? { credentials: 'omit' as const } : {};

  const ask = async (path: string, body: object, signal: AbortSignal, token?: AccessToken): Promise<AuthAnswer> => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...credentials,
      // The server never redirects. Cloudflare Workers have no 'error'.
      redirect: 'manual' as const,
      signal,
    };
    const response = await answered(send(`${authUrl}/${path}`, init, token));
    if (path === 'logout' && response.status === 204) return undefined as never;
    // A truncated response does not count. A response that is not JSON is not from this server.
    const answer = await jsonIn<AuthAnswer & ErrorAnswer>(response);
    if (response.ok && isAuthAnswer(answer, !!store)) return answer;
    throw refusal(response, answer);
  };

  return {
    post: (path, body, token) => untilOver((signal) => ask(path, body, signal, token)),

    refresh: (body, listeners, isCurrent) =>
      untilOver((signal) => {
        const attempt = () => ask('refresh', body, signal);
        const again = async () => {
          if (!(await isCurrent())) throw superseded();
          return attempt();
        };
        return firstOf(attempt, again, timeout, store ? 0 : STRAGGLING);
      }, listeners),

    async insist(attempt) {
      const from = performance.now();
      for (let count = 1, pause = FIRST_PAUSE; ; count++, pause *= 2) {
        try {
          return await attempt();
        } catch (error) {
          const { code, retryAfter = 0 } = error as AuthClientError;
          const wait = Math.max(pause * (0.5 + Math.random()), retryAfter);
          if (code !== UNAVAILABLE || count === MOST_ATTEMPTS || performance.now() - from + wait > PATIENCE)
            throw error;
          await delay(wait);
        }
      }
    },
  };
}

/** Aborts what takes too long, or what a change of the session has overtaken. */
async function untilOver<T>(
  work: (signal: AbortSignal) => Promise<T>,
  listeners?: Set<AuthChangeListener>,
): Promise<T> {
  const over = new AbortController();
  const abort = () => over.abort();
  const timer = setTimeout(abort, LONGEST_REQUEST);
  listeners?.add(abort);
  try {
    // A `fetch` of the application may ignore signals.
    return await answered(unlessAborted(over.signal, () => work(over.signal)));
  } finally {
    clearTimeout(timer);
    listeners?.delete(abort);
    abort();
  }
}

/**
 * Starts another attempt whenever none has been answered for some time. A failed attempt leaves the decision to the
 * others; if all have failed, so has this.
 */
function firstOf(
  first: () => Promise<AuthAnswer>,
  again: () => Promise<AuthAnswer>,
  timeout: number,
  straggling: number,
): Promise<AuthAnswer> {
  return new Promise((resolve, reject) => {
    let pending = 0;
    let newest: AuthAnswer | undefined;
    let failure: AuthClientError | undefined;
    let timer: ReturnType<typeof setTimeout>;
    const finish = () => {
      clearTimeout(timer);
      if (newest) resolve(newest);
      else reject(failure!);
    };
    const start = (attempt: () => Promise<AuthAnswer>, pause: number) => {
      pending++;
      if (pause < PATIENCE * 2) timer = setTimeout(() => start(again, pause * 2), pause);
      void attempt()
        .then(
          (answer) => {
            if (!(newest && newest.generation > answer.generation)) newest = answer;
            // An attempt that was sent with the cookie of this answer brings a newer one.
            clearTimeout(timer);
            timer = setTimeout(finish, straggling);
          },
          (error: AuthClientError) => void (failure = error),
        )
        .then(() => {
          pending--;
          if (!pending || (!newest && failure!.code !== UNAVAILABLE)) finish();
        });
    };
    start(first, timeout);
  });
}

/** Whether the server says that there is no session. Other codes and statuses mean "later". */
export function isSessionOver({ code, status }: AuthClientError, hasStore: boolean): boolean {
  return status === 401 ? code === 'invalid_grant' : status === 400 && code === 'refresh_token_missing' && !hasStore;
}

/** Turns a failed request into an AuthClientError. */
export function answered<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    if (error instanceof AuthClientError) throw error;
    throw unavailable('No answer.', undefined, undefined, error);
  });
}

interface ErrorAnswer {
  error?: unknown;
  error_description?: unknown;
}

/** The error for a response that is not a success. */
export function refusal(response: Response, body: ErrorAnswer | null | undefined): AuthClientError {
  const { status } = response;
  const retryAfter = retryAfterOf(response.headers);
  const { error: code, error_description: text = code, ...rest } = body ?? {};
  // A proxy or the host may have sent this response. Only the server's own statuses and codes are final.
  return /^(401"invalid_grant"|40[0-49]"(?!invalid_grant)[a-z_]+")$/.test(status + JSON.stringify(code))
    ? new AuthClientError(code as string, String(text), status, retryAfter, undefined, rest)
    : unavailable(`Try later (${status}).`, status, retryAfter);
}

/** Milliseconds, five minutes at most (RFC 9110 §10.2.3). Seconds, or a date by the clock of who has sent it. */
function retryAfterOf(headers: { get(name: string): string | null }): number | undefined {
  const text = headers.get('retry-after');
  if (!text) return undefined;
  const sentAt = Date.parse(headers.get('date') ?? '') || Date.now();
  const wait = /^[\d.]+$/.test(text) ? parseFloat(text) * 1000 : Date.parse(text) - sentAt;
  return wait >= 0 ? Math.min(wait, LONGEST_PAUSE) : undefined;
}
