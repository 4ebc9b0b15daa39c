import { RequestMethod } from '@nestjs/common';
import { MODULE_PATH } from '@nestjs/common/constants.js';
import { ApplicationConfig, ExternalContextCreator, type ModulesContainer } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { AuthRegistration } from './auth-registration.js';

const { GET, POST, PATCH, DELETE } = RequestMethod;

/** The routes below the prefix. `*` stands for a parameter. */
const ROUTES: [method: RequestMethod, path: string][] = [
  [POST, 'login'],
  [POST, 'refresh'],
  [POST, 'logout'],
  [POST, 'logout-all'],
  [POST, 'step-up'],
  [GET, 'events'],
  [GET, 'me'],
  [GET, 'sessions'],
  [PATCH, 'sessions/*'],
  [DELETE, 'sessions/*'],
];

/** Only a module with `mfaDto` has it. */
const SECOND_STEP: (typeof ROUTES)[number] = [POST, 'login/continue'];

/** A route of one `AuthModule`. */
interface Route {
  /** Method and path below the prefix, for example `post /login`. */
  readonly name: string;
  /** The full paths, one per version. */
  readonly paths: string[];
}

/**
 * The full paths of a module's routes. They include the global prefix and its exclusions, the version, and the path of
 * `RouterModule`.
 */
export function routesOf(
  modules: ModulesContainer,
  { routePrefix, version, ...of }: AuthRegistration,
  { ignoreGlobalPrefix = false } = {},
): Route[] {
  const config = applicationConfig(modules);
  const prefix = config.getGlobalPrefix().replace(/^\/+|\/+$/g, '');
  const versioningOptions = config.getVersioning();
  const factory = new RoutePathFactory(config);
  const metadata: Parameters<RoutePathFactory['create']>[0] = {
    ctrlPath: `/${routePrefix}`,
    modulePath: modulePath(modules, of.name),
    globalPrefix: ignoreGlobalPrefix ? '' : prefix && `/${prefix}`,
    controllerVersion: version ?? versioningOptions?.defaultVersion,
    versioningOptions,
  };
  const routes = of.mfaDto ? [...ROUTES, SECOND_STEP] : ROUTES;
  return routes.map(([method, path]) => ({
    name: `${RequestMethod[method].toLowerCase()} /${path}`,
    paths: factory.create({ ...metadata, methodPath: `/${path}` }, method),
  }));
}

/**
 * Finds Nest's `ApplicationConfig`. Nest does not export it; only this internal service holds it. If it is not found,
 * an empty configuration is used.
 */
function applicationConfig(modules: ModulesContainer): ApplicationConfig {
  for (const { providers } of modules.values()) {
    const creator = providers.get(ExternalContextCreator)?.instance as
      { container?: { applicationConfig?: ApplicationConfig } } | undefined;
    if (creator?.container?.applicationConfig) return creator.container.applicationConfig;
  }
  return new ApplicationConfig();
}

/** The path that `RouterModule` gives to the module. */
function modulePath(modules: ModulesContainer, name: string | undefined): string | undefined {
  const module = [...modules.values()].find(
    ({ providers }) =>
      providers.has(AuthRegistration) && (providers.get(AuthRegistration)!.instance as AuthRegistration).name === name,
  );
  const path = (key: string) => Reflect.getMetadata(key, module!.metatype) as string | undefined;
  return path(MODULE_PATH + modules.applicationId) ?? path(MODULE_PATH);
}
