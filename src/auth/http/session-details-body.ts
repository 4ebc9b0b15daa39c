import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import type { SessionDetails } from '../session/session-details.js';

/** The fields of the body, by the property that each is. */
const FIELDS = { device_name: 'deviceName', tags: 'tags', metadata: 'metadata' } as const;

/**
 * The body of `PATCH /auth/sessions/:id`. The service checks the values: it takes the same from your code.
 *
 * @throws AuthError `invalid_request` if it is not an object, or has another field; the text names it
 */
export function sessionDetailsOf({ body }: HttpRequest): SessionDetails {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new AuthError('invalid_request');
  const other = Object.keys(body).find((field) => !Object.hasOwn(FIELDS, field));
  if (other !== undefined)
    throw new AuthError('invalid_request', `Not known: ${/^\w{1,64}$/.test(other) ? other : 'a field'}.`);
  const sent = Object.entries(FIELDS).filter(([field]) => Object.hasOwn(body, field));
  return Object.fromEntries(sent.map(([field, property]) => [property, (body as Record<string, unknown>)[field]]));
}
