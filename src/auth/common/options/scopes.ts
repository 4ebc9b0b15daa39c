import { AuthConfigurationError } from '../errors/auth-error.js';
import { type Check, texts } from './checks.js';

/** One scope (RFC 6749 §3.3). */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Accepts a list of scopes. It may be empty. */
export const scopeList: Check<string[]> = (name, given) => {
  const scopes = texts('orders:read')(name, given);
  if (scopes.every((scope) => SCOPE.test(scope))) return scopes;
  throw new AuthConfigurationError(
    `${name}: a scope consists of visible ASCII characters, without spaces, quotes and backslashes. Write each scope ` +
      "as a text of its own: ['orders:read', 'orders:write'].",
  );
};

/** The scopes in a space-separated text, each once (RFC 6749 §3.3). */
export function scopesIn(scope: string): string[] {
  return [...new Set(scope.split(' '))].filter((one) => one !== '');
}
