import { Controller, SetMetadata, type Type } from '@nestjs/common';
import type { AuthRegistration } from '../modules/auth-registration.js';
import { AUTH_MODULE, UNNAMED } from '../modules/guarded-module.js';
import { AuthController } from './auth.controller.js';
import { EventsController } from './events.controller.js';
import { SessionsController } from './sessions.controller.js';

/** Each controller and its path below the route prefix. */
const CONTROLLERS: [controller: Type, path: string][] = [
  [AuthController, ''],
  [EventsController, '/events'],
  [SessionsController, '/sessions'],
];

/** Copies of the controllers for one `AuthModule`, with its own prefix. */
export function controllersAt({ name, routePrefix, version }: AuthRegistration): Type[] {
  return CONTROLLERS.map(([controller, path]) => {
    const at = class extends controller {};
    Object.defineProperty(at, 'name', { value: controller.name });
    Controller({ path: `${routePrefix}${path}`, version })(at);
    SetMetadata(AUTH_MODULE, name ?? UNNAMED)(at);
    return at;
  });
}
