import { type Type, type ValidationError, ValidationPipe } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { declaredFields } from '../common/request/declared-fields.js';
import type { HttpRequest } from '../common/request/http-request.js';

const validation = new ValidationPipe({
  transform: true,
  whitelist: true,
  exceptionFactory: (errors: ValidationError[]) =>
    new AuthError('invalid_request', `Not valid: ${errors.map(({ property }) => property).join(', ')}.`),
});

/**
 * The validated body of an auth route. It is read from the request, not from a parameter with `@Body()`, so that no
 * global pipe of the host changes or refuses it. Errors name the invalid fields, and never contain what was sent.
 *
 * @throws AuthError `invalid_request`
 */
export function bodyOf<T>({ body }: HttpRequest, metatype: Type<T>): Promise<T> {
  return validation.transform(knownFields(body, metatype), { type: 'body', metatype }) as Promise<T>;
}

/**
 * Takes only the fields that the class declares, because the time that validation takes grows with the square of their
 * number. Replaces nested objects: no valid body is nested, and validating deep input could exhaust the stack.
 */
function knownFields(body: unknown, metatype: Type): unknown {
  if (body === undefined || body === null) return body;
  if (typeof body !== 'object' || Array.isArray(body)) throw new AuthError('invalid_request');
  const given = body as Record<string, unknown>;
  const sent = declaredFields(metatype).filter((name) => Object.hasOwn(given, name));
  return Object.fromEntries(
    sent.map((name) => [name, typeof given[name] === 'object' && given[name] ? {} : given[name]]),
  );
}
