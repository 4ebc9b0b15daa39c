import type { AuthAnswer } from './auth-answer.js';
import { DUE_FROM, DUE_WITHIN, USABLE } from './times.js';

/** An access token, as tabs send it to each other. Times are in milliseconds. */
export interface AccessToken {
  readonly value: string;
  readonly type: string;
  readonly sessionId: string;
  /** Of the refresh token that it came with. */
  readonly generation: number;
  readonly lifetime: number;
  /** When the request for it was sent, by this machine's clock. */
  readonly obtainedAt: number;
}

export function accessTokenOf(answer: AuthAnswer, obtainedAt: number): AccessToken {
  return {
    value: answer.access_token,
    type: answer.token_type,
    sessionId: answer.session_id,
    generation: answer.generation,
    lifetime: answer.expires_in * 1000,
    obtainedAt,
  };
}

/** Whether a token can be used only with proofs of the key (RFC 9449 §5). */
export function isBound(token: Pick<AccessToken, 'type'> | null | undefined): boolean {
  return token?.type.toLowerCase() === 'dpop';
}

/** The name of the scheme and the token, for the header `Authorization`. */
export function authorizationOf(token: AccessToken): string {
  return `${isBound(token) ? 'DPoP' : 'Bearer'} ${token.value}`;
}

/** Adds a token to the headers of a request. */
export function authorized<T extends { headers?: ConstructorParameters<typeof Headers>[0] }>(
  init: T,
  token?: AccessToken | null,
): T & { headers: Headers } {
  const headers = new Headers(init.headers);
  if (token) headers.set('Authorization', authorizationOf(token));
  return { ...init, headers };
}

/** The age of a token in this tab. */
export interface Ageing {
  /** Milliseconds until the token should be renewed; negative if that is past. */
  untilDue(): number;
  /** The remaining lifetime in milliseconds. */
  left(): number;
  expired(): boolean;
}

/**
 * Uses two clocks and believes the one that shows more time. The monotonic clock may stop while the machine sleeps; the
 * other may be adjusted. Overestimating the age costs a refresh; underestimating it costs a refused request.
 */
export function ageing({ lifetime, obtainedAt }: AccessToken): Ageing {
  const age = Math.max(0, Date.now() - obtainedAt);
  const start = performance.now() - age;
  const dueAt = lifetime * (DUE_FROM + DUE_WITHIN * Math.random());
  const passed = () => Math.max(performance.now() - start, Date.now() - obtainedAt);
  return {
    untilDue: () => dueAt - passed(),
    left: () => lifetime - passed(),
    expired: () => passed() >= lifetime * USABLE,
  };
}
