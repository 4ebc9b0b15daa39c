import { AuthClientError } from './auth-client-error.js';
import type { ResolvedClientOptions } from './client-options.js';
import { delay } from './platform.js';
import type { ProvenFetch } from './proven-fetch.js';
import { jsonIn } from './responses.js';
import type { AuthChangeListener } from './session-state.js';

/** The part of a response body that the client reads. */
export interface AuthAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  session_id: string;
  refresh_token?: string;
  client_nonce?: string;
}

export const UNAVAILABLE = 'temporarily_unavailable';

/** The longest wait for a response in milliseconds. Checking a password is slow on purpose. */
export const LONG = 30_000;

const MOST_ATTEMPTS = 5;
const FIRST_PAUSE = 250;
/**
 * For this many milliseconds after the first attempt, a refresh token is sent again while there is no response. It must
 * be less than the server's `grace`, after which a repeat counts as reuse.
 */
export const SAFE = 8_000;

/** The server's routes that begin, renew and end sessions. */
export interface AuthRoutes {
  /**
   * Makes one attempt.
   *
   * @throws AuthClientError with the server's code, or `temporarily_unavailable`
   */
  post(path: string, body: object, signal?: AbortSignal): Promise<AuthAnswer>;
  /**
   * Makes several attempts and returns the first response. A slow attempt is not aborted, because the cookie of its
   * response would be lost. Instead, a further attempt starts, until `SAFE` milliseconds after `since`. The session's
   * next change aborts all attempts: a late response could replace the cookie of a newer session.
   */
  refresh(body: object, since: number, listeners: Set<AuthChangeListener>): Promise<AuthAnswer>;
  /** Repeats the attempt for up to `SAFE` milliseconds, while the server cannot be reached or cannot answer. */
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
      // A truncated response does not count. A response that is not JSON is not from this server.
      const answer = await jsonIn<AuthAnswer & ErrorAnswer>(response);
      // A token that is already expired would be renewed endlessly.
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
        // A late response would replace a newer cookie.
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

/** Turns a failed request into an AuthClientError. */
export function answered(answer: Promise<Response>): Promise<Response> {
  return answer.catch((error: unknown) => {
    if (error instanceof AuthClientError) throw error;
    throw new AuthClientError(UNAVAILABLE, 'No answer.', undefined, undefined, error);
  });
}

/** A delay that does not keep a process alive. */
function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    AbortSignal.timeout(milliseconds).addEventListener('abort', () => resolve());
  });
}

/** A failed attempt leaves the decision to the others. A refusal by the server is final. */
function decisive(error: AuthClientError): AuthClientError {
  if (error.code === UNAVAILABLE) throw error;
  return error;
}

interface ErrorAnswer {
  error?: unknown;
  error_description?: unknown;
}

/** The error for a response that is not a success. */
export function refusal(response: Response, body: ErrorAnswer | null | undefined): AuthClientError {
  const { status } = response;
  const seconds = parseFloat(response.headers.get('retry-after')!);
  const retryAfter = seconds >= 0 ? seconds * 1000 : undefined;
  const { error: code, error_description: text = code } = body ?? {};
  // A proxy or the host may have sent this response. Only the server's own statuses and codes are final.
  return /^40[0-49]"[a-z_]+"$/.test(status + JSON.stringify(code))
    ? new AuthClientError(code as string, text as string, status, retryAfter)
    : new AuthClientError(UNAVAILABLE, `Try later (${status}).`, status, retryAfter);
}
