import type { AuthUser } from './user-provider.js';

/** The user's `credentialsVersion` as text; `undefined` if the user provider does not tell it. `null` is a version, too. */
export function credentialsVersionOf({ credentialsVersion }: AuthUser): string | undefined {
  return credentialsVersion === undefined ? undefined : String(credentialsVersion);
}
