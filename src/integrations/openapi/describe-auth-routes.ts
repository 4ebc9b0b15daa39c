import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { CookieConfig } from '../../auth/cookie/cookie-options.js';
import { AuthModuleRegistry, type Registered } from '../../auth/modules/auth-module-registry.js';
import { routesOf } from '../../auth/modules/route-paths.js';
import { withHostBodies } from './host-bodies.js';
import { authOperations, type Described, type SecurityNames } from './operations.js';
import { addSchemas } from './own-schemas.js';

type PathItem = OpenAPIObject['paths'][string];

/**
 * Completes the document of `SwaggerModule.createDocument` for the auth routes: bodies, answers, refusals, headers,
 * cookies and security. It shows the fields of a `loginDto` and a `stepUpDto`, with what `@ApiProperty()` says of them. Each of several `AuthModule`s gets its own. It changes the document, and returns it.
 *
 * On your own routes, `@ApiBearerAuth()` refers to the security scheme of the `AuthModule` without a name.
 *
 * @example
 * const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Shop').build());
 * SwaggerModule.setup('docs', app, describeAuthRoutes(app, document));
 */
export function describeAuthRoutes(app: INestApplicationContext, document: OpenAPIObject): OpenAPIObject {
  const modules = app.get(ModulesContainer);
  const registry = new AuthModuleRegistry(modules);
  const components = (document.components ??= {});
  const { referring, removeUnused } = addSchemas(document);
  for (const registered of registry.all) {
    const names = securityNames(registered);
    const { name, accessToken } = registered.service(CookieConfig);
    components.securitySchemes = {
      ...components.securitySchemes,
      [names.accessToken]: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      [names.cookie]: { type: 'apiKey', in: 'cookie', name },
      ...(accessToken && { [names.accessTokenCookie!]: { type: 'apiKey', in: 'cookie', name: accessToken.name } }),
    };
  }
  for (const registered of registry.all) {
    const operations = withHostBodies(referring(authOperations(securityNames(registered))), registered, document);
    for (const [route, items] of describedRoutes(modules, registered, document)) {
      const [method] = route.split(' ') as ['get' | 'post' | 'patch' | 'delete'];
      for (const item of items) describe(item[method], route, registered, operations[route]);
    }
  }
  removeUnused();
  return document;
}

function securityNames({ registration: { name }, service }: Registered): SecurityNames {
  const prefix = name === undefined ? '' : `${name}_`;
  const hasCookie = service(CookieConfig).accessToken !== undefined;
  return {
    // @ApiBearerAuth() refers to `bearer`.
    accessToken: `${prefix}bearer`,
    cookie: `${prefix}refresh_cookie`,
    ...(hasCookie && { accessTokenCookie: `${prefix}access_token_cookie` }),
  };
}

/** The routes in a document, which may have been made with `ignoreGlobalPrefix`. */
function describedRoutes(
  modules: ModulesContainer,
  { registration }: Registered,
  { paths: described }: OpenAPIObject,
): [route: string, items: PathItem[]][] {
  if (!registration.controllers) return [];
  const found = [false, true].map((ignoreGlobalPrefix) =>
    routesOf(modules, registration, { ignoreGlobalPrefix }).map(({ name, paths }): [string, PathItem[]] => {
      const items = paths.map((path) => described[asParameter(path)]);
      return [asParameter(name), items.filter((item) => item !== undefined)];
    }),
  );
  const [prefixed, bare] = found.map((routes) => routes.filter(([, items]) => items.length > 0));
  return bare.length > prefixed.length ? bare : prefixed;
}

const asParameter = (path: string) => path.replace('*', '{id}').replace(/:(\w+)/g, '{$1}');

function describe(
  operation: PathItem['get'],
  route: string,
  { registration: { name = 'auth' } }: Registered,
  described: Described,
): void {
  if (!operation) return;
  const operationId = `${name}_${operation.operationId ?? route}`.replace(/[^\w.-]+/g, '_');
  const others = (operation.parameters ?? []).filter(
    (present) => !described.parameters?.some((own) => isNamed(own) && isNamed(present) && own.name === present.name),
  );
  const parameters = [...others, ...(described.parameters ?? [])];
  Object.assign(operation, described, { parameters, tags: [name], operationId });
}

function isNamed<T extends object>(parameter: T): parameter is Extract<T, { name: string }> {
  return 'name' in parameter;
}
