import { RequestMethod } from '@nestjs/common';
import { MODULE_PATH } from '@nestjs/common/constants.js';
import { ApplicationConfig, ExternalContextCreator, type ModulesContainer } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { AuthRegistration } from './auth-registration.js';

const { GET, POST, DELETE } = RequestMethod;

/** The routes below the prefix; of a parameter, what stands in its place. */
const ROUTES: [method: RequestMethod, path: string][] = [
  [POST, 'login'],
  [POST, 'refresh'],
  [POST, 'logout'],
  [POST, 'logout-all'],
  [POST, 'step-up'],
  [GET, 'events'],
  [GET, 'me'],
  [GET, 'sessions'],
  [DELETE, 'sessions/*'],
];

/** A route of one `AuthModule`. */
interface Route {
  /** `post /login`, below the prefix of the module. */
  readonly name: string;
  /** The whole paths, one for each version. */
  readonly paths: string[];
}

/** With the global prefix, its exclusions, the version, and `RouterModule`. */
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
  return ROUTES.map(([method, path]) => ({
    name: `${RequestMethod[method].toLowerCase()} /${path}`,
    paths: factory.create({ ...metadata, methodPath: `/${path}` }, method),
  }));
}

/** Nest offers it to nobody; this is the one service of its own that holds it. Without it, as if nothing was configured. */
function applicationConfig(modules: ModulesContainer): ApplicationConfig {
  for (const { providers } of modules.values()) {
    const creator = providers.get(ExternalContextCreator)?.instance as
      { container?: { applicationConfig?: ApplicationConfig } } | undefined;
    if (creator?.container?.applicationConfig) return creator.container.applicationConfig;
  }
  return new ApplicationConfig();
}

/** As `RouterModule` has it. */
function modulePath(modules: ModulesContainer, name: string | undefined): string | undefined {
  const module = [...modules.values()].find(
    ({ providers }) =>
      providers.has(AuthRegistration) && (providers.get(AuthRegistration)!.instance as AuthRegistration).name === name,
  );
  const path = (key: string) => Reflect.getMetadata(key, module!.metatype) as string | undefined;
  return path(MODULE_PATH + modules.applicationId) ?? path(MODULE_PATH);
}
