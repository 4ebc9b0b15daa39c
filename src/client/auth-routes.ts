import { AuthClientError } from './auth-client-error.js';
import type { ResolvedClientOptions } from './client-options.js';
import { delay } from './platform.js';
import { jsonIn, type ProvenFetch } from './proven-fetch.js';
import type { AuthChangeListener } from './session-state.js';

/** The body of an answer, as far as the client reads it. */
export interface AuthAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  session_id: string;
  refresh_token?: string;
  client_nonce?: string;
}

export const UNAVAILABLE = 'temporarily_unavailable';

/** Milliseconds for which an answer is waited for. Checking a password is meant to take a while. */
export const LONG = 30_000;

const MOST_ATTEMPTS = 5;
const FIRST_PAUSE = 250;
/**
 * Milliseconds for which a refresh token is sent again after the first time, as long as an answer is outstanding. Less than the
 * `grace` of the server, which takes what comes later for reuse.
 */
export const SAFE = 8_000;

/** The routes of the server that end, begin and renew sessions. */
export interface AuthRoutes {
  /**
   * One attempt.
   *
   * @throws AuthClientError with the code of the server, or `temporarily_unavailable`
   */
  post(path: string, body: object, signal?: AbortSignal): Promise<AuthAnswer>;
  /**
   * The first answer to several attempts. One that is slow is not aborted, as the cookie of its answer would be lost: another
   * starts beside it, until `SAFE` milliseconds after `since`. The session's next change aborts them all: the cookie may belong
   * to another session by then, and a late answer would replace it.
   */
  refresh(body: object, since: number, listeners: Set<AuthChangeListener>): Promise<AuthAnswer>;
  /** Again and again for `SAFE` milliseconds, while the server cannot be reached or is not able to answer. */
  insist<T>(attempt: () => Promise<T>): Promise<T>;
}

export function authRoutes({ authUrl, store, timeout }: ResolvedClientOptions, requests: ProvenFetch): AuthRoutes {
  const routes: AuthRoutes = {
    async post(path, body, signal = AbortSignal.timeout(LONG)) {
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        credentials: store ? ('omit' as const) : ('include' as const),
        cache: 'no-store' as const,
        redirect: 'error' as const,
        signal,
      };
      const response = await answered(requests.fetch(`${authUrl}/${path}`, init));
      if (path === 'logout' && response.status === 204) return undefined as never;
      // An answer whose end is lost is lost, and what is no JSON has been said by somebody else.
      const answer = await jsonIn<AuthAnswer & ErrorAnswer>(response);
      // A token that is born expired would be renewed without end.
      if (response.ok && answer?.access_token && answer.token_type && answer.expires_in > 0) return answer;
      throw refusal(response, answer);
    },

    async refresh(body, since, listeners) {
      const over = new AbortController();
      const abort = () => over.abort();
      const attempts: Promise<AuthAnswer | AuthClientError>[] = [];
      listeners.add(abort);
      void lapse(LONG).then(abort);
      try {
        for (let pause = timeout; ; pause *= 2) {
          attempts.push(routes.post('refresh', body, over.signal).catch(decisive));
          const first = Promise.any(attempts);
          let answer = await Promise.race([first, lapse(pause)]);
          if (!answer && Date.now() - since < SAFE) continue;
          answer ??= await first;
          if (answer instanceof Error) throw answer;
          return answer;
        }
      } catch (error) {
        throw (error as AggregateError).errors?.at(-1) ?? error;
      } finally {
        listeners.delete(abort);
        // A cookie that comes later than the next one would replace it.
        abort();
      }
    },

    async insist(attempt) {
      const from = Date.now();
      for (let count = 1, pause = FIRST_PAUSE; ; count++, pause *= 2) {
        try {
          return await attempt();
        } catch (error) {
          const { code, retryAfter = 0 } = error as AuthClientError;
          const wait = Math.max(pause * (0.5 + Math.random()), retryAfter);
          if (code !== UNAVAILABLE || count === MOST_ATTEMPTS || Date.now() - from + wait > SAFE) throw error;
          await delay(wait);
        }
      }
    },
  };
  return routes;
}

/** The answer, or what the application is told where there is none. */
export function answered(answer: Promise<Response>): Promise<Response> {
  return answer.catch((error: unknown) => {
    throw error instanceof AuthClientError
      ? error
      : new AuthClientError(UNAVAILABLE, 'No answer.', undefined, undefined, error);
  });
}

/** A delay that a process need not stay for. */
function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    AbortSignal.timeout(milliseconds).addEventListener('abort', () => resolve());
  });
}

/** One attempt that fails leaves it to the others; a refusal holds for all. */
function decisive(error: AuthClientError): AuthClientError {
  if (error.code === UNAVAILABLE) throw error;
  return error;
}

interface ErrorAnswer {
  error?: unknown;
  error_description?: unknown;
}

/** Why the server has not done what it was asked for. */
export function refusal(response: Response, body: ErrorAnswer | null | undefined): AuthClientError {
  const { status } = response;
  const seconds = parseFloat(String(response.headers.get('retry-after')));
  const retryAfter = seconds >= 0 ? seconds * 1000 : undefined;
  // Also what a proxy answers in the server's stead: only the server's own word decides anything.
  if (status === 429 || status >= 500 || typeof body?.error !== 'string') {
    return new AuthClientError(UNAVAILABLE, `The server cannot answer (${status}).`, status, retryAfter);
  }
  return new AuthClientError(body.error, String(body.error_description ?? body.error), status, retryAfter);
}
