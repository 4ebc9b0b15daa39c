import { type ExecutionContext, Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { ModulesContainer, type Reflector } from '@nestjs/core';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { CookieConfig } from '../cookie/cookie-options.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { RevocationConfig } from '../revocation/revocation-options.js';
import { AuthRegistration } from './auth-registration.js';
import { guardedModules, markedModule, UNNAMED } from './guarded-module.js';
import { routesOf } from './route-paths.js';

/** One `AuthModule` of the application. */
export interface Registered {
  readonly registration: AuthRegistration;
  readonly cookie: RefreshCookie;
  /** Returns this module's own instance of a service. */
  service<T>(type: Type<T>): T;
}

/** Properties that must differ between two modules, and the fix for each. */
const DISTINCTIONS: [of: (module: Registered) => unknown[], fix: string][] = [
  [
    // MySQL compares names without regard to case.
    ({ registration }) => [registration.name?.toLowerCase() ?? ''],
    "the same name. Give one of them a different name: AuthModule.forRoot({ name: 'staff', … })",
  ],
  [
    ({ registration: { dataSource, table } }) => [`${dataSource}/${table}`],
    'the same table of sessions, so each could end the sessions of the other. ' +
      'Give one of them its own table: entity: StaffRefreshToken',
  ],
  [
    ({ registration: { controllers, routePrefix, version } }) =>
      controllers ? versionsOf(version).map((one) => `${routePrefix.toLowerCase()} ${one}`) : [],
    "the same routes. Give one of them a different prefix: routePrefix: 'staff/auth'",
  ],
  [
    ({ service }) => {
      const { name, clientNonceName, deviceName, accessToken } = service(CookieConfig);
      return [name, clientNonceName, deviceName, ...(accessToken ? [accessToken.name] : [])];
    },
    "the same cookie. Give one of them a different name: cookie: { name: '__Host-staff_refresh_token' }",
  ],
  [({ service }) => [service(RevocationConfig).channel ?? {}], 'the same revocation.channel. Make one for each.'],
];

/** The `AuthModule`s of the application; refuses at boot those that would get into each other's way. */
@Injectable()
export class AuthModuleRegistry implements OnModuleInit {
  private readonly paths = new Map<AuthRegistration, Record<'routes' | 'below', RegExp>>();
  private found: readonly Registered[] | undefined;

  constructor(private readonly modules: ModulesContainer) {}

  onModuleInit(): void {
    for (const [of, fix] of DISTINCTIONS) {
      const values = this.all.flatMap(of);
      if (new Set(values).size < values.length) throw new AuthConfigurationError(`Two AuthModules have ${fix}`);
    }
  }

  /** The module whose route this URL is. */
  at(url: string): Registered | undefined {
    return this.whose('routes', url);
  }

  /** The module whose route prefix this URL is below, whether or not such a route exists. */
  below(url: string): Registered | undefined {
    return this.whose('below', url);
  }

  /** The module whose cookie a request to this URL may carry. With several modules, the URL decides which one. */
  ofCookieAt(url: string): Registered | undefined {
    const all = this.all;
    return all.length === 1 ? all[0] : this.at(url);
  }

  private whose(kind: 'routes' | 'below', url: string): Registered | undefined {
    const path = url.replace(/[?#].*$/s, '');
    return this.all.find(({ registration }) => registration.controllers && this.pathsOf(registration)[kind].test(path));
  }

  /** Called by requests, when the routes are known. */
  private pathsOf(registration: AuthRegistration): Record<'routes' | 'below', RegExp> {
    const known = this.paths.get(registration);
    if (known) return known;
    const routes = routesOf(this.modules, registration).flatMap(({ paths }) => paths);
    const prefixes = routes
      .filter((path) => path.endsWith(FIRST_ROUTE))
      .map((path) => path.slice(0, -FIRST_ROUTE.length));
    const paths = { routes: patternOf(routes, '/?'), below: patternOf(prefixes, '(/.*)?') };
    this.paths.set(registration, paths);
    return paths;
  }

  /**
   * The module that a handler belongs to, according to its controller or its guards. The module without a name if they
   * do not say.
   */
  of(reflector: Reflector, context: ExecutionContext): Registered | undefined {
    const targets = [context.getHandler(), context.getClass()];
    const name =
      markedModule(reflector, context) ?? targets.flatMap((target) => guardedModules(reflector, target))[0] ?? UNNAMED;
    return this.all.find(({ registration }) => (registration.name ?? UNNAMED) === name);
  }

  /** All modules of the application. Read it only after the providers exist. */
  get all(): readonly Registered[] {
    this.found ??= this.find();
    return this.found;
  }

  private find(): Registered[] {
    return [...this.modules.values()]
      .filter(({ providers }) => providers.has(AuthRegistration))
      .map(({ providers }) => {
        const instance = <T>(type: Type<T>) => providers.get(type)!.instance as T;
        return {
          registration: instance(AuthRegistration),
          cookie: instance(RefreshCookie),
          service: instance,
        };
      });
  }
}

/** Single versions without duplicates: two lists may share one version. */
function versionsOf(version: AuthRegistration['version']): string[] {
  return [...new Set([version].flat().map(String))];
}

/** A route directly below the prefix. */
const FIRST_ROUTE = '/login';

/** Express ignores case and a trailing slash. */
function patternOf(paths: string[], end: string): RegExp {
  const patterns = paths.map((path) => path.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*|:\w+/g, '[^/]*'));
  return new RegExp(`^(${patterns.join('|')})${end}$`, 'is');
}
