import { AuthConfigurationError } from '../errors/auth-error.js';

/** The origins, if each is written exactly as browsers send it: no wildcard, no `null`, no path. */
export function checkedOrigins(name: string, origins: string[]): string[] {
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new AuthConfigurationError(
        `${name} has '${origin}'. Write origins as browsers send them, such as 'https://app.example'.`,
      );
    }
  }
  return origins;
}
