import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { AuthRegistrations, type Registered } from '../registration/auth-registrations.js';
import { authOperations, type Described, type SecurityNames } from './operations.js';
import { addSchemas, removeReplaced } from './own-schemas.js';

type PathItem = OpenAPIObject['paths'][string];

/**
 * Completes what `SwaggerModule.createDocument` says of the auth routes: bodies, answers, refusals, headers, cookies, and how
 * each is authenticated. Of several `AuthModule`s each gets its own. Changes the document, and returns it.
 *
 * For the host's own routes, `@ApiBearerAuth()` names the security scheme of the `AuthModule` without a name.
 *
 * @example
 * const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Shop').build());
 * SwaggerModule.setup('docs', app, describeAuthRoutes(app, document));
 */
export function describeAuthRoutes(app: INestApplicationContext, document: OpenAPIObject): OpenAPIObject {
  const registrations = new AuthRegistrations(app.get(ModulesContainer));
  const components = (document.components ??= {});
  const referring = addSchemas(document);
  for (const registered of registrations.all) {
    const names = securityNames(registered);
    components.securitySchemes = {
      ...components.securitySchemes,
      [names.accessToken]: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      [names.cookie]: { type: 'apiKey', in: 'cookie', name: registered.options.cookie.name },
    };
  }
  for (const [path, item] of Object.entries(document.paths)) {
    const registered = registrations.describedAt(path);
    if (registered) describe(path, item, registered, referring(authOperations(securityNames(registered))));
  }
  removeReplaced(document);
  return document;
}

function securityNames({ registration: { name } }: Registered): SecurityNames {
  // `bearer` is what @ApiBearerAuth() refers to.
  return name === undefined
    ? { accessToken: 'bearer', cookie: 'refresh_cookie' }
    : { accessToken: `${name}_bearer`, cookie: `${name}_refresh_cookie` };
}

function describe(
  path: string,
  item: PathItem,
  { registration }: Registered,
  operations: Record<string, Described>,
): void {
  const { name = 'auth', routePrefix } = registration;
  const below = path.slice(path.lastIndexOf(`/${routePrefix}/`) + routePrefix.length + 1);
  for (const [route, described] of Object.entries(operations)) {
    const [method, where] = route.split(' ') as ['get' | 'post' | 'delete', string];
    const operation = item[method];
    if (!operation || where !== below) continue;
    const operationId = `${name}_${operation.operationId ?? route}`.replace(/[^\w.-]+/g, '_');
    const others = (operation.parameters ?? []).filter(
      (present) => !described.parameters?.some((own) => isNamed(own) && isNamed(present) && own.name === present.name),
    );
    const parameters = [...others, ...(described.parameters ?? [])];
    Object.assign(operation, described, { parameters, tags: [name], operationId });
  }
}

function isNamed<T extends object>(parameter: T): parameter is Extract<T, { name: string }> {
  return 'name' in parameter;
}
