import type { ExecutionContext, INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { Clock } from '../../auth/common/time/clock.js';
import { JwtAuthGuard } from '../../auth/guards/jwt-auth.guard.js';
import { authModulesOf } from './auth-modules-of.js';
import { refuseProduction } from './refuse-production.js';
import { TrustedCaller, type TrustedTestUser } from './trusted-caller.js';

/** The options of {@link trustUser}. */
export interface TrustUserOptions {
  /** The `name` of the `AuthModule` whose guards trust the user. By default the guards of all of them do. */
  name?: string;
}

/**
 * Lets all requests of a test come from this user, without tokens. It changes `JwtAuthGuard` and its subclasses in this
 * application, and nothing else: `@Public()`, `@Roles()`, `@Permissions()`, `@Scopes()` and `@StepUp()` decide as ever. It
 * works for HTTP, GraphQL, sockets and messages.
 *
 * There is no session: the services do not know it, sockets stay open, and `SocketSessions.admit` still wants a token. Use
 * `signedIn` for that. A guard that is request-scoped is not changed.
 *
 * @param app an application or a testing module, after `compile()`
 * @returns the caller, to change who sends the next requests
 * @throws AuthConfigurationError if `NODE_ENV` is `production`, or if the user has no id
 * @throws TypeError if the application has no such `AuthModule`
 * @example
 * const moduleRef = await Test.createTestingModule({
 *   imports: [AuthTestingModule.forRoot()],
 *   controllers: [OrdersController],
 * }).compile();
 * const caller = trustUser(moduleRef, { id: 'alice', roles: ['admin'] });
 * // later
 * caller.become({ id: 'bob' });
 */
export function trustUser(
  app: INestApplicationContext,
  user: TrustedTestUser,
  { name }: TrustUserOptions = {},
): TrustedCaller {
  refuseProduction('trustUser');
  const modules = authModulesOf('trustUser', app, name);
  const guards = guardsOf(app).filter((guard) => modules.some((one) => one.registration === guard['registration']));
  const caller = new TrustedCaller(user, modules[0].service(Clock), () => {
    for (const guard of guards) delete (guard as Partial<JwtAuthGuard>).canActivate;
  });
  for (const guard of guards) guard.canActivate = (context) => admit(guard, context, caller);
  return caller;
}

/** Each module with a guard in `@UseGuards()` has an instance of its own. */
function guardsOf(app: INestApplicationContext): JwtAuthGuard[] {
  const modules = [...app.get(ModulesContainer, { strict: false }).values()];
  const instances = modules
    .flatMap(({ providers, injectables }) => [...providers.values(), ...injectables.values()])
    .map(({ instance }): unknown => instance);
  return [...new Set(instances.filter((instance) => instance instanceof JwtAuthGuard))];
}

function admit(guard: JwtAuthGuard, context: ExecutionContext, { user }: TrustedCaller): true {
  if (guard['isPublic'](context) || guard['isForAnother'](context)) return true;
  const { request } = guard['callOf'](context);
  if (!user) throw new AuthError('unauthorized');
  request.user = user;
  return true;
}
