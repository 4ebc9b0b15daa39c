import { AuthError } from '../common/errors/auth-error.js';

/** What an administrator who acts as a user may not do. */
export function impersonatedRefusal(): AuthError {
  return new AuthError('forbidden', 'This is not allowed while somebody acts as the user.');
}
