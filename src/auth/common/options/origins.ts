import { AuthConfigurationError } from '../errors/auth-error.js';

/** @throws AuthConfigurationError unless each origin is written as browsers send it: no wildcard, no `null`, no path */
export function checkedOrigins(name: string, origins: string[]): string[] {
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new AuthConfigurationError(
        `${name} has '${origin}'. Write origins as browsers send them, for example 'https://app.example'.`,
      );
    }
  }
  return origins;
}
