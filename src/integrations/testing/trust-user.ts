import { randomUUID } from 'node:crypto';
import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { AuthenticatedUser } from '../../auth/access-token/authenticated-user.js';
import { AuthConfigurationError, AuthError } from '../../auth/common/errors/auth-error.js';
import { requestOf } from '../../auth/common/request/request-of.js';
import { Clock } from '../../auth/common/time/clock.js';
import { JwtAuthGuard } from '../../auth/guards/jwt-auth.guard.js';
import { isPublic } from '../../auth/guards/is-public.js';
import { AuthRegistration } from '../../auth/modules/auth-registration.js';
import { isForAnotherModule } from '../../auth/modules/guarded-module.js';
import { authToken } from '../../auth/modules/inject-auth.js';
import { refuseProduction } from './refuse-production.js';

/**
 * The user of a test as a handler gets it. Only the id is required. By default the user has no roles, permissions and
 * scopes, and has just signed in.
 *
 * @example
 * const admin: TrustedTestUser = { id: 'admin', roles: ['admin'] };
 */
export interface TrustedTestUser extends Partial<AuthenticatedUser> {
  readonly id: string;
}

/** The options of {@link trustUser}. */
export interface TrustUserOptions {
  /** The `name` of the `AuthModule` whose guard trusts the user. By default the guards of all of them do. */
  name?: string;
  /** The guard, if your routes have a subclass. By default `JwtAuthGuard`. */
  guard?: Type<CanActivate>;
}

/** What {@link trustUser} needs of the builder of `Test.createTestingModule`. */
export interface GuardedTestingModuleBuilder {
  overrideGuard(guard: unknown): GuardOverride;
  overrideProvider(token: unknown): GuardOverride;
}

/** What `overrideGuard` and `overrideProvider` return. */
export interface GuardOverride {
  useFactory(options: { factory: (...dependencies: never[]) => unknown; inject: unknown[] }): unknown;
}

/** Milliseconds. Nobody checks the expiry of a trusted user, but a handler may show it. */
const LIFETIME = 15 * 60_000;

/** Who the requests of a test come from. Change it between requests. */
export class TrustedCaller {
  private readonly sessionId = randomUUID();
  private clock: Pick<Clock, 'now'> = { now: Date.now };
  private current: TrustedTestUser | undefined;
  /** Milliseconds since the Unix epoch. */
  private signedInAt: number;

  /** Use {@link trustUser}. */
  constructor(user: TrustedTestUser) {
    this.become(user);
  }

  /**
   * From now on, requests come from this user, who has just signed in.
   *
   * @throws AuthConfigurationError if the user has no id, or a claim has a wrong type
   */
  become(user: TrustedTestUser): void {
    assertUser(user);
    this.current = { ...user };
    this.signedInAt = this.clock.now();
  }

  /** From now on, requests come from nobody: the guard refuses them with `unauthorized`. */
  signOut(): void {
    this.current = undefined;
  }

  /** Who the next request comes from; `undefined` for nobody. */
  get user(): AuthenticatedUser | undefined {
    return (
      this.current && {
        roles: [],
        permissions: [],
        sessionId: this.sessionId,
        clientId: 'default',
        scope: '',
        generation: 0,
        expiresAt: secondsOf(this.clock.now() + LIFETIME),
        authTime: secondsOf(this.signedInAt),
        ...this.current,
      }
    );
  }

  /** The application has this clock. The guard calls it when the application is compiled. */
  follow(clock: Pick<Clock, 'now'>): void {
    this.clock = clock;
    this.signedInAt = clock.now();
  }
}

/**
 * Lets all requests of a test come from this user, without tokens. It replaces `JwtAuthGuard`, and that alone: `@Public()`,
 * `@Roles()`, `@Permissions()`, `@Scopes()` and `@StepUp()` decide as ever. It works for HTTP, GraphQL, sockets and messages.
 *
 * The guard of `APP_GUARD` is replaced if it is there by `useExisting: JwtAuthGuard`. The sockets that it lets in stay open:
 * there is no token that could end.
 *
 * @param builder from `Test.createTestingModule(…)`, before `compile()`
 * @returns the caller, to change who sends the next requests
 * @throws AuthConfigurationError if `NODE_ENV` is `production`, or if the user has no id
 * @example
 * const builder = Test.createTestingModule({ imports: [AuthTestingModule.forRoot()], controllers: [OrdersController] });
 * const caller = trustUser(builder, { id: 'alice', roles: ['admin'] });
 * const app = (await builder.compile()).createNestApplication();
 * // later
 * caller.become({ id: 'bob' });
 */
export function trustUser(
  builder: GuardedTestingModuleBuilder,
  user: TrustedTestUser,
  { name, guard = JwtAuthGuard }: TrustUserOptions = {},
): TrustedCaller {
  refuseProduction('trustUser');
  const caller = new TrustedCaller(user);
  const useFactory = {
    factory: (reflector: Reflector, clock?: Clock, registration?: AuthRegistration) => {
      if (clock) caller.follow(clock);
      return new TrustingGuard(caller, guard, reflector, registration?.name);
    },
    inject: [Reflector, { token: Clock, optional: true }, { token: AuthRegistration, optional: true }],
  };
  if (name === undefined) {
    // A guard of `@UseGuards()` is an injectable of the controller's module. That of `APP_GUARD` is a provider.
    builder.overrideGuard(guard).useFactory(useFactory);
    builder.overrideProvider(guard).useFactory(useFactory);
  } else {
    builder.overrideProvider(authToken(guard, name)).useFactory(useFactory);
  }
  return caller;
}

class TrustingGuard implements CanActivate {
  constructor(
    private readonly caller: TrustedCaller,
    private readonly guard: Type<CanActivate>,
    private readonly reflector: Reflector,
    /** Of the `AuthModule`. */
    private readonly name: string | undefined,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const { reflector, guard, name } = this;
    if (isPublic(reflector, context, guard, name) || isForAnotherModule(reflector, context, guard, name)) return true;
    const request = requestOf(context);
    const { user } = this.caller;
    if (!request || !user) throw new AuthError('unauthorized');
    request.user = user;
    return true;
  }
}

function assertUser(user: TrustedTestUser): void {
  const fail = (fault: string): never => {
    throw new AuthConfigurationError(`trustUser: ${fault}, for example { id: 'alice', roles: ['admin'] }.`);
  };
  if (typeof user?.id !== 'string' || user.id === '') fail('the user needs an id');
  for (const name of ['roles', 'permissions'] as const) {
    if (user[name] !== undefined && !Array.isArray(user[name])) fail(`${name} must be a list of strings`);
  }
  if (user.scope !== undefined && typeof user.scope !== 'string') fail('scope must be a string, separated by spaces');
}

function secondsOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
