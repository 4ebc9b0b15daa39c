import { isDeepStrictEqual } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import { BindingConfig } from '../../auth/binding/binding-options.js';
import { AuthConfigurationError, AuthError } from '../../auth/common/errors/auth-error.js';
import type { ClientContext } from '../../auth/common/request/client-context.js';
import type { Registered } from '../../auth/modules/auth-module-registry.js';
import { RefreshTokenService } from '../../auth/refresh-token/refresh-token.service.js';
import type { SignInRequest } from '../../auth/refresh-token/sign-in-request.js';
import { BoundedUserProvider } from '../../auth/user/bounded-user-provider.js';
import { type AuthUser, USER_PROVIDER } from '../../auth/user/user-provider.js';
import { authModuleOf } from './auth-modules-of.js';
import { ALGORITHM, ProofKey } from './proof-key.js';
import { loadSupertest } from './load-supertest.js';
import type { SignedIn } from './signed-in.js';
import { SignedInClient } from './signed-in-client.js';
import { type TestAccount, TestUsers } from './test-users.js';

/** The options of {@link signedIn}. */
export interface SignedInOptions extends Pick<
  SignInRequest,
  'acr' | 'amr' | 'clientId' | 'deviceName' | 'metadata' | 'scope' | 'tags' | 'transport'
> {
  /** The `name` of the `AuthModule`. Needed if the application has several. */
  name?: string;
  /** The IP address and the user agent of the sign-in. */
  client?: ClientContext;
  /**
   * Whether the session is bound to a key of the test (RFC 9449). By default it is if `binding.required` has `'dpop'`. Then
   * `agent`, `fetch` and `headersFor` prove it.
   */
  dpop?: boolean;
}

/**
 * Signs a user in without a password. The session is real: it is in the table, it is refreshed, listed and revoked.
 *
 * With your own user provider, the user must exist there, and has the roles that it returns. With the users of
 * `AuthTestingModule`, the user is added or changed.
 *
 * @param app an application or a testing module, after `init()` or `listen()`
 * @param user the id of the user, or an object with it
 * @throws TypeError if the application has no such `AuthModule`, or the user provider no such user
 * @throws TypeError if the session needs a binding that a test cannot prove
 * @throws AuthError for the same reasons as `RefreshTokenService.issue`
 * @example
 * const alice = await signedIn(app, 'alice');
 * await request(app.getHttpServer()).get('/orders').set(alice.headers).expect(200);
 * await alice.agent.get('/orders').expect(200);
 */
export async function signedIn(
  app: INestApplicationContext,
  user: string | TestAccount,
  options: SignedInOptions = {},
): Promise<SignedIn> {
  const { name, client = {}, dpop: isBound, ...request } = options;
  const module = authModuleOf('signedIn', app, name);
  const loaded = await userOf(module, typeof user === 'string' ? { id: user } : user);
  const key = keyOf(module, isBound);
  const signedIn = new SignedInClient(app, module, await loadSupertest(), client, key);
  const tokens = await module
    .service(RefreshTokenService)
    .issue(loaded, request, client, signedIn.evidence())
    .catch((error: unknown) => {
      throw error instanceof AuthError && error.bindingFailed ? unbound(error) : error;
    });
  signedIn.adopt(tokens);
  return signedIn;
}

async function userOf(module: Registered, wanted: TestAccount): Promise<AuthUser> {
  const { id } = (wanted ?? {}) as Partial<TestAccount>;
  if (typeof id !== 'string') throw new TypeError(`signedIn takes the id of a user, or an object as { id: 'alice' }.`);
  const provider: unknown = module.service(USER_PROVIDER as never);
  if (provider instanceof TestUsers) addTo(provider, wanted);
  const user = await module.service(BoundedUserProvider).loadUser(id);
  if (!user)
    throw new TypeError(`signedIn: the user provider has no user with the id '${id}', or the user is disabled.`);
  for (const claim of ['roles', 'permissions'] as const) {
    if (wanted[claim] !== undefined && !isDeepStrictEqual(wanted[claim], user[claim])) {
      throw new TypeError(
        `signedIn: the ${claim} of '${id}' are those that the user provider returns: ${JSON.stringify(user[claim])}. ` +
          'Change them there, or use AuthTestingModule.',
      );
    }
  }
  return user;
}

/** A mere id does not change a user that exists. */
function addTo(users: TestUsers, wanted: TestAccount): void {
  users.set({ ...users.get(wanted.id), ...wanted });
}

function keyOf(module: Registered, isBound: boolean | undefined): ProofKey | undefined {
  const { required, dpop } = module.service(BindingConfig);
  if (!(isBound ?? required.includes('dpop'))) return undefined;
  if (dpop.algorithms.includes(ALGORITHM)) return new ProofKey();
  throw new AuthConfigurationError(`signedIn makes proofs with ${ALGORITHM}. Add it to binding.dpop.algorithms.`);
}

function unbound(error: AuthError): TypeError {
  return new TypeError(
    `signedIn: the application refuses to begin the session. ${error.message}. For DPoP, write ` +
      'signedIn(app, user, { dpop: true }). A TLS client certificate needs a real login.',
    { cause: error },
  );
}
