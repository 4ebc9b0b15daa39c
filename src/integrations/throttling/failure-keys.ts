import { createHash } from 'node:crypto';
import { subnetOf } from '../../auth/common/request/address.js';
import type { AuthRouteName } from '../../auth/common/request/auth-route.decorator.js';
import type { ClientContext } from '../../auth/common/request/client-context.js';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import type { FailureKind } from './throttling-options.js';

/** What the failures of a request count for. */
export interface FailureKey {
  readonly kind: FailureKind;
  readonly key: string;
}

/**
 * @param name of the `AuthModule`: an account of another may have the same name
 * @param sessionId of the refresh token that the request carries; `undefined` where it carries none of this server
 */
export function failureKeysOf(
  name: string | undefined,
  route: AuthRouteName,
  request: HttpRequest,
  { ip }: ClientContext,
  sessionId: string | undefined,
): FailureKey[] {
  const keyOf = (kind: FailureKind, ...parts: string[]) => hashedKey(kind, name, parts);
  const address = ip ? subnetOf(ip) : 'unknown';
  switch (route) {
    case 'login':
      return [keyOf('login', address, usernameOf(request)), keyOf('login_of_address', address)];
    case 'refresh':
      return [keyOf('refresh', address, sessionId ?? 'none')];
    case 'step-up':
      // Only its holder can present the session's token, so this locks out nobody but a thief and them.
      return [sessionId === undefined ? keyOf('refresh', address, 'none') : keyOf('step_up', sessionId)];
  }
}

/** Hashed: names have any length, and do not belong into a store of counters. */
function hashedKey(kind: FailureKind, name: string | undefined, parts: string[]): FailureKey {
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, name ?? null, ...parts]))
    .digest('base64url');
  return { kind, key: `nrt-failures:${hash}` };
}

function usernameOf({ body }: HttpRequest): string {
  const { username } = (body ?? {}) as { username?: unknown };
  return typeof username === 'string' ? username.slice(0, 255).toLowerCase() : '';
}
