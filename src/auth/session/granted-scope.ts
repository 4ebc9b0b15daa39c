import { AuthError } from '../common/errors/auth-error.js';
import { scopesIn } from '../common/options/scopes.js';

/**
 * Without configured scopes, what is asked for is ignored (RFC 6749 §3.3). The answer names what was granted.
 *
 * @throws AuthError `invalid_scope`
 */
export function grantedScope(requested: string | undefined, known: readonly string[]): string {
  if (known.length === 0) return '';
  const wanted = scopesIn(requested ?? '');
  if (!wanted.every((scope) => known.includes(scope))) throw new AuthError('invalid_scope');
  return wanted.join(' ');
}
