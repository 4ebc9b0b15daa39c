import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { DETAIL_FIELDS, type SessionDetails } from '../session/session-details.js';

const FIELDS: readonly string[] = Object.values(DETAIL_FIELDS);

/**
 * The body of `PATCH /auth/sessions/:id`. The service checks the values: it takes the same from your code.
 *
 * @throws AuthError `invalid_request` if it is not an object, or has another field; the text names it
 */
export function sessionDetailsOf({ body }: HttpRequest): SessionDetails {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new AuthError('invalid_request');
  const other = Object.keys(body).find((field) => !FIELDS.includes(field));
  if (other !== undefined)
    throw new AuthError('invalid_request', `Not known: ${/^\w{1,64}$/.test(other) ? other : 'a field'}.`);
  const sent = Object.entries(DETAIL_FIELDS).filter(([, field]) => Object.hasOwn(body, field));
  return Object.fromEntries(sent.map(([property, field]) => [property, (body as Record<string, unknown>)[field]]));
}
