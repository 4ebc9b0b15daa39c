import { LONGEST_BODY } from './times.js';
import { within } from './within.js';

/** The part of `Headers` that is read here. Those of axios have it, too. */
export interface HeadersLike {
  get(name: string): string | null;
}

/** Returns nothing if the text is not JSON. */
export function parsed<T>(text: string | undefined): T | null | undefined {
  try {
    return JSON.parse(text!) as T;
  } catch {
    return undefined;
  }
}

/** Returns nothing if the response is not JSON, or if it is truncated. */
export function jsonIn<T>(response: Response): Promise<T | null | undefined> {
  return response.json().catch(() => undefined) as Promise<T | undefined>;
}

/** The code of a refusal. The response stays readable. */
export async function errorCodeOf(response: Response): Promise<string | undefined> {
  return errorCodeIn(await jsonCopyOf(response), response.headers);
}

/** The JSON of a response, which stays readable. Nothing, if it does not come whole in time: the application waits for it. */
export async function jsonCopyOf(response: Response): Promise<unknown> {
  return isJson(response.headers) ? within(LONGEST_BODY, jsonIn(response.clone())).catch(() => undefined) : undefined;
}

export function isJson(headers: HeadersLike): boolean {
  return /\bjson\b/.test(headers.get('content-type') ?? '');
}

/**
 * The code of a refusal by its body, or by its challenge (RFC 6750 §3, RFC 9449 §7.1). The challenge is the only source if
 * the host has replaced the body, and for HEAD. It says `invalid_token` where the body can say why.
 */
export function errorCodeIn(body: unknown, headers: HeadersLike): string | undefined {
  const { error } = Object(body) as { error?: unknown };
  const code = typeof error === 'string' ? error : undefined;
  if (code?.startsWith('token_')) return code;
  const challenge = headers.get('www-authenticate') ?? '';
  return /\b(?:bearer|dpop)\s.*?\berror="?(\w+)/i.exec(challenge)?.[1] ?? code;
}

/** Frees the connection of a response that nobody will read. */
export function discard(response: Response): void {
  // The body of an aborted request is broken. Nobody needs to know.
  response.body?.cancel().catch(() => undefined);
}
