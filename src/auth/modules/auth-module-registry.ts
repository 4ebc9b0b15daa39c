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
  /** Its own instance of a service. */
  service<T>(type: Type<T>): T;
}

/** What no two of them may have in common, and what to write instead. */
const DISTINCTIONS: [of: (module: Registered) => unknown[], fix: string][] = [
  [
    // MySQL does not tell the cases apart.
    ({ registration }) => [registration.name?.toLowerCase() ?? ''],
    "the same name. Give all but one of them another: AuthModule.forRoot({ name: 'staff', … })",
  ],
  [
    ({ registration: { dataSource, table } }) => [`${dataSource}/${table}`],
    'the same table of sessions, in which each could end those of the other. ' +
      'Give one of them another: entity: StaffRefreshToken',
  ],
  [
    ({ registration: { controllers, routePrefix, version } }) =>
      controllers ? versionsOf(version).map((one) => `${routePrefix.toLowerCase()} ${one}`) : [],
    "the same routes. Give one of them others: routePrefix: 'staff/auth'",
  ],
  [
    ({ service }) => [service(CookieConfig).name, service(CookieConfig).clientNonceName],
    "the same cookie. Give one of them another: cookie: { name: '__Host-staff_refresh_token' }",
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

  /** The one to whose routes this URL belongs. */
  at(url: string): Registered | undefined {
    return this.whose('routes', url);
  }

  /** The one below whose prefix this URL is, be there such a route or not. */
  below(url: string): Registered | undefined {
    return this.whose('below', url);
  }

  /** The cookie that a request to this URL may carry; of several modules, where the URL tells whose it is. */
  cookieAt(url: string): RefreshCookie | undefined {
    const all = this.all;
    return (all.length === 1 ? all[0] : this.at(url))?.cookie;
  }

  private whose(kind: 'routes' | 'below', url: string): Registered | undefined {
    const path = url.replace(/[?#].*$/s, '');
    return this.all.find(({ registration }) => registration.controllers && this.pathsOf(registration)[kind].test(path));
  }

  /** Of requests: the application stands as it is by then. */
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

  /** The one to which this handler belongs, as its controller or its guards say; else the one without a name. */
  of(reflector: Reflector, context: ExecutionContext): Registered | undefined {
    const targets = [context.getHandler(), context.getClass()];
    const name =
      markedModule(reflector, context) ?? targets.flatMap((target) => guardedModules(reflector, target))[0] ?? UNNAMED;
    return this.all.find(({ registration }) => (registration.name ?? UNNAMED) === name);
  }

  /** To be asked once the providers are there; asked at requests, too. */
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

/** Each by itself, once: a list may have one in common with another. */
function versionsOf(version: AuthRegistration['version']): string[] {
  return [...new Set([version].flat().map(String))];
}

/** One that stands directly below the prefix. */
const FIRST_ROUTE = '/login';

/** Express does not tell the cases apart, nor a slash at the end. */
function patternOf(paths: string[], end: string): RegExp {
  const patterns = paths.map((path) => path.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*|:\w+/g, '[^/]*'));
  return new RegExp(`^(${patterns.join('|')})${end}$`, 'is');
}
