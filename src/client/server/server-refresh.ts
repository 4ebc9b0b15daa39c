import { AuthClientError } from '../auth-client-error.js';
import { SUPERSEDED, UNAVAILABLE, unavailable } from '../client-errors.js';
import type { AuthAnswer } from '../auth-answer.js';
import { answered, isSessionOver, refusal } from '../auth-routes.js';
import { delay } from '../platform.js';
import { jsonIn } from '../responses.js';
import { freshKey } from '../ledger/fresh-key.js';
import type { CookieLedger } from './cookie-ledger.js';
import { parsedSetCookie, type RequestCookies } from './request-cookies.js';
import type { ResolvedServerOptions } from './server-client-options.js';

const FIRST_PAUSE = 100;

interface Refreshed {
  readonly answer: AuthAnswer;
  /** `Set-Cookie` headers of the refresh token and the client nonce. */
  readonly setCookies: readonly string[];
}

/** A refusal, with what the auth server wants the browser to forget. */
interface Refused {
  readonly error: AuthClientError;
  readonly setCookies: readonly string[];
}

/** Refreshes for one incoming request. */
export class ServerRefresh {
  constructor(
    private readonly options: ResolvedServerOptions,
    private readonly cookies: RequestCookies,
    private readonly ledger: CookieLedger,
  ) {}

  /**
   * Presents the refresh token, and sets the cookies of the answer.
   *
   * @returns the new access token; `null` if the server has no session for this token
   * @throws AuthClientError if nothing is decided, or the server asks for a step-up
   */
  async run(refreshToken: string): Promise<string | null> {
    const known = await this.ledger.read(refreshToken);
    const key = known?.key ?? freshKey();
    await this.#writeDown(refreshToken, key);
    const { answer, error, setCookies }: Partial<Refreshed & Refused> = await this.#insist(key);
    if (answer) return this.#take(answer, setCookies!);

    const { code, status } = error!;
    if (isSessionOver(error!, false)) {
      for (const header of setCookies!) this.cookies.hand(header);
      this.ledger.clear();
      return null;
    }
    if (code !== SUPERSEDED) throw error!;
    // The browser has a newer token by now, or this use is over. The next request presents what the browser has then.
    await this.ledger.write(refreshToken, { key: freshKey() });
    throw unavailable('Another request has refreshed. Load the page again.', status);
  }

  /**
   * Written down before it is sent, so that a lost answer can be asked for again, by any later request. It also shows
   * whether cookies can still be set: a successor that does not reach the browser would end the session.
   */
  async #writeDown(refreshToken: string, key: string): Promise<void> {
    try {
      await this.ledger.write(refreshToken, { key });
    } catch (error) {
      throw unavailable(
        'The session must be refreshed, but cookies cannot be set here. Refresh before the page renders: in middleware.',
        undefined,
        undefined,
        error,
      );
    }
  }

  async #take(answer: AuthAnswer, setCookies: readonly string[]): Promise<string> {
    const successor = setCookies.map(parsedSetCookie).find(({ name }) => name === this.options.cookieName)?.value;
    if (!successor) {
      throw unavailable('The answer sets no cookie. A proxy may have removed it, or its name differs.');
    }
    try {
      for (const header of setCookies) this.cookies.hand(header);
      await this.ledger.write(successor, { key: freshKey(), accessToken: answer.access_token }, answer.expires_in);
    } catch (error) {
      // The key is written down, so the next request gets this answer again.
      throw new AuthClientError(
        'cookie_not_kept',
        'The response has begun while the session was refreshed. Refresh before the page renders: in middleware.',
        undefined,
        undefined,
        error,
      );
    }
    return answer.access_token;
  }

  /** Repeats the same use while nothing is decided and there is time. Each attempt gets half of it, for two servers. */
  async #insist(key: string): Promise<Refreshed | Refused> {
    const { timeout } = this.options;
    const end = Date.now() + timeout;
    for (let pause = FIRST_PAUSE; ; pause *= 2) {
      const left = Math.max(1, end - Date.now());
      const result = await this.#attempt(key, Math.min(left, timeout / 2)).catch((error: unknown) => ({
        error: error as AuthClientError,
        setCookies: [],
      }));
      if (!('error' in result) || result.error.code !== UNAVAILABLE) return result;
      const wait = Math.max(pause, result.error.retryAfter ?? 0);
      if (Date.now() + wait >= end) throw result.error;
      await delay(wait);
    }
  }

  async #attempt(key: string, limit: number): Promise<Refreshed | Refused> {
    const { authUrl, cookieName, clientNonceName, forwarded } = this.options;
    const names = [cookieName, clientNonceName];
    const pairs = names.map((name) => [name, this.cookies.read(name)]).filter(([, value]) => value);
    const init = {
      method: 'POST',
      headers: {
        ...forwarded,
        'content-type': 'application/json',
        cookie: pairs.map(([name, value]) => `${name}=${value}`).join('; '),
      },
      body: JSON.stringify({ idempotency_key: key }),
      redirect: 'manual' as const,
      signal: AbortSignal.timeout(limit),
    };
    const response = await answered(this.options.fetch(`${authUrl}/refresh`, init));
    const handed = [...names, this.options.accessTokenCookieName];
    const setCookies = response.headers
      .getSetCookie()
      .filter((header) => handed.includes(parsedSetCookie(header).name));
    const body = await jsonIn<AuthAnswer>(response);
    const issued = response.ok && body?.access_token && body.expires_in > 0;
    return issued ? { answer: body, setCookies } : { error: refusal(response, body as object), setCookies };
  }
}
