import { createHash } from 'node:crypto';

/** In base64url, as the claims `ath`, `jkt` and `x5t#S256` have it. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url');
}
