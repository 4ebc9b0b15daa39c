import { AuthError } from '../common/errors/auth-error.js';
import { hasHungUp } from '../common/request/has-hung-up.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { CLIENT_ID } from '../session/client-id.js';
import { claimInForm, claimInJson, MALFORMED, USE_KEY } from './received-with.js';
import type { TokenUse } from './token-use.js';

/**
 * Reads what a request says about this use of its token: `idempotency_key`, `received_with` and `client_id` of the body,
 * JSON or form. If the body has no key, the header `Idempotency-Key` counts. A gateway may have written that header, so
 * then `received_with` does not count.
 *
 * @throws AuthError `invalid_request` if one of them is malformed; the text names it, and does not contain its value
 * @example
 * return refreshTokens.refresh(token, clientContextOf(request), evidence, tokenUseOf(request));
 */
export function tokenUseOf(request: HttpRequest): TokenUse {
  const form = isForm(request);
  const body = fieldsOf(request.body);
  const inBody = textIn(body, 'idempotency_key', USE_KEY, form, form);
  const clientId = textIn(body, 'client_id', CLIENT_ID, form, true);
  const receivedWith = form ? claimInForm(body) : claimInJson(body);
  if (receivedWith === MALFORMED) throw malformed('received_with');

  const inHeader = inBody === undefined ? keyInHeader(request) : undefined;
  const idempotencyKey = inBody ?? inHeader;
  return {
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(receivedWith !== undefined && inHeader === undefined && { receivedWith }),
    ...(clientId !== undefined && { clientId }),
    hasHungUp: () => hasHungUp(request),
  };
}

/** @param emptyIsOmitted in a form, an empty parameter counts as omitted (RFC 6749 §3.2) */
function textIn(
  body: Record<string, unknown>,
  name: string,
  valid: RegExp,
  form: boolean,
  emptyIsOmitted: boolean,
): string | undefined {
  const text = Object.hasOwn(body, name) ? body[name] : undefined;
  if (form && Object.keys(body).some((given) => given.startsWith(`${name}[`))) throw malformed(name);
  if (text === undefined || text === null || (emptyIsOmitted && text === '')) return undefined;
  if (typeof text !== 'string' || !valid.test(text)) throw malformed(name);
  return text;
}

/** The header is a string in quotes (RFC 9651 §3.3.3); many clients leave the quotes out. */
function keyInHeader({ headers }: HttpRequest): string | undefined {
  // If it was sent twice, Node.js joins the values with a comma, which no key has.
  const value = headers['idempotency-key'];
  if (value === undefined) return undefined;
  const key = typeof value === 'string' ? value.replace(/^"(.*)"$/, '$1') : '';
  if (!USE_KEY.test(key)) throw malformed('the header Idempotency-Key');
  return key;
}

function isForm({ headers }: HttpRequest): boolean {
  return /^\s*(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(
    headers['content-type']?.toString() ?? '',
  );
}

function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {};
}

function malformed(name: string): AuthError {
  return new AuthError('invalid_request', `Not valid: ${name}.`);
}
