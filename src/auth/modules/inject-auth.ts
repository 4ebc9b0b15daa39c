import { type CanActivate, type ExecutionContext, Inject, Injectable, mixin, type Type } from '@nestjs/common';

const tokens = new Map<Type, Map<string, symbol>>();

interface GuardOfModule {
  readonly guard: Type<CanActivate>;
  readonly name: string;
}

const named = new WeakMap<object, GuardOfModule>();

/**
 * The injection token of a service of the `AuthModule` with this `name`.
 *
 * @param service a class that `AuthModule` exports
 * @param name the extra `name` of that `AuthModule`
 * @example
 * { provide: APP_GUARD, useExisting: authToken(JwtAuthGuard, 'staff') }
 */
export function authToken(service: Type, name: string): symbol {
  const ofService = tokens.get(service) ?? new Map<string, symbol>();
  tokens.set(service, ofService);
  const token = ofService.get(name) ?? Symbol(`${service.name} of the AuthModule '${name}'`);
  ofService.set(name, token);
  return token;
}

/**
 * Injects a service of the `AuthModule` with this `name`.
 *
 * @param service a class that `AuthModule` exports
 * @param name the extra `name` of that `AuthModule`
 * @example
 * constructor(@InjectAuth(RefreshTokenService, 'staff') private readonly staffSessions: RefreshTokenService) {}
 */
export const InjectAuth = (service: Type, name: string): ParameterDecorator & PropertyDecorator =>
  Inject(authToken(service, name));

/**
 * Returns a guard of the `AuthModule` with this `name`, for `@UseGuards(…)`.
 *
 * @param guard a guard that `AuthModule` exports
 * @param name the extra `name` of that `AuthModule`
 * @example
 * @UseGuards(GuardOf(JwtAuthGuard, 'staff'), RolesGuard)
 * @Controller('back-office')
 * export class BackOfficeController {}
 */
export function GuardOf(guard: Type<CanActivate>, name: string): Type<CanActivate> {
  @Injectable()
  class NamedGuard implements CanActivate {
    constructor(@InjectAuth(guard, name) private readonly guard: CanActivate) {}

    canActivate(context: ExecutionContext) {
      return this.guard.canActivate(context);
    }
  }
  const made = mixin(NamedGuard);
  named.set(made, { guard, name });
  return made;
}

/** The arguments of {@link GuardOf}; `undefined` for every other guard. */
export function guardOfModule(guard: unknown): GuardOfModule | undefined {
  return typeof guard === 'function' ? named.get(guard) : undefined;
}
