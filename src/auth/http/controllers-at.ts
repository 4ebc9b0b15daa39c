import { Controller, SetMetadata, type Type } from '@nestjs/common';
import type { AuthRegistration } from '../modules/auth-registration.js';
import { AUTH_MODULE, UNNAMED } from '../modules/guarded-module.js';
import { AuthController } from './auth.controller.js';
import { EventsController } from './events.controller.js';
import { MfaController } from './mfa.controller.js';
import { SessionsController } from './sessions.controller.js';

/** Each controller and its path below the route prefix. */
const CONTROLLERS: [controller: Type, path: string][] = [
  [AuthController, ''],
  [EventsController, '/events'],
  [SessionsController, '/sessions'],
];

/** `@ApiExtraModels` of `@nestjs/swagger` writes it: these classes get schemas in the OpenAPI document. */
const DESCRIBED_CLASSES = 'swagger/apiExtraModels';

/** Copies of the controllers for one `AuthModule`, with its own prefix. */
export function controllersAt({ name, routePrefix, version, ...bodies }: AuthRegistration): Type[] {
  const { loginDto, stepUpDto, mfaDto } = bodies;
  const dtos = [loginDto, stepUpDto, mfaDto].filter((dto) => dto !== undefined);
  const controllers: typeof CONTROLLERS = mfaDto ? [...CONTROLLERS, [MfaController, '']] : CONTROLLERS;
  return controllers.map(([controller, path]) => {
    const at = class extends controller {};
    Object.defineProperty(at, 'name', { value: controller.name });
    Controller({ path: `${routePrefix}${path}`, version })(at);
    SetMetadata(AUTH_MODULE, name ?? UNNAMED)(at);
    if (controller === AuthController && dtos.length > 0) SetMetadata(DESCRIBED_CLASSES, dtos)(at);
    return at;
  });
}
