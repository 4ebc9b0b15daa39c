import { createHash } from 'node:crypto';
import { subnetOf } from '../../auth/common/request/address.js';
import type { AuthRouteName } from '../../auth/common/request/auth-route.decorator.js';
import type { ClientContext } from '../../auth/common/request/client-context.js';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import { accountOf } from '../../auth/user/account-of.js';
import type { FailureKind } from './throttling-options.js';

/** A counter for the failures of a request. */
export interface FailureKey {
  readonly kind: FailureKind;
  readonly key: string;
}

/**
 * @param name the name of the `AuthModule`, because another module may have an account with the same name
 * @param sessionId the session of the refresh token in the request; `undefined` if the request has no token of this
 *   server
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
      return [keyOf('login', address, accountOf(usernameOf(request))), keyOf('login_of_address', address)];
    case 'refresh':
      return [keyOf('refresh', address, sessionId ?? 'none')];
    case 'step-up':
      // Only a holder of the session's token can fail here. So a block affects only the user and a thief.
      return [sessionId === undefined ? keyOf('refresh', address, 'none') : keyOf('step_up', sessionId)];
  }
}

/** A hash, because user names have any length and should not appear in a counter store. */
function hashedKey(kind: FailureKind, name: string | undefined, parts: string[]): FailureKey {
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, name ?? null, ...parts]))
    .digest('base64url');
  return { kind, key: `nrt-failures:${hash}` };
}

/** '' if the request has none. */
export function usernameOf({ body }: HttpRequest): string {
  const { username } = (body ?? {}) as { username?: unknown };
  return typeof username === 'string' ? username : '';
}
