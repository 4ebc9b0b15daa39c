import { type ArgumentMetadata, type Type, type ValidationError, ValidationPipe } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';

/**
 * Validates the bodies of the auth routes. Its errors name the invalid fields and never contain what was sent.
 *
 * The parameters that it validates have no class as their type: write `Readonly<…>`. A global `ValidationPipe` of the
 * host then leaves them alone. With `forbidNonWhitelisted` it would refuse the fields that the class does not have, for
 * example the refresh token.
 */
export class RequestValidationPipe extends ValidationPipe {
  constructor(expectedType: Type) {
    super({
      expectedType,
      transform: true,
      whitelist: true,
      exceptionFactory: (errors: ValidationError[]) =>
        new AuthError('invalid_request', `Not valid: ${errors.map(({ property }) => property).join(', ')}.`),
    });
  }

  override transform(body: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    return super.transform(flat(body), metadata);
  }
}

/** Replaces nested objects. No valid body is nested, and validating deep input could exhaust the stack. */
function flat(body: unknown): unknown {
  if (body === undefined || body === null) return body;
  if (typeof body !== 'object' || Array.isArray(body)) throw new AuthError('invalid_request');
  const fields = Object.entries(body).map(([name, value]) => [name, typeof value === 'object' && value ? {} : value]);
  return Object.fromEntries(fields);
}
