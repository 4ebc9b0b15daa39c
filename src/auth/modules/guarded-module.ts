import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import type { Reflector } from '@nestjs/core';
import { guardOfModule } from './inject-auth.js';

/** Metadata key: the name of the `AuthModule` that a controller belongs to. */
export const AUTH_MODULE = 'nestjs-refresh-token:auth-module';

/** The metadata value for the module without a name. */
export const UNNAMED = '';

type Target = Type | ReturnType<ExecutionContext['getHandler']>;

/** The name of the `AuthModule` whose route this is; `undefined` for the application's own routes. */
export function markedModule(reflector: Reflector, context: ExecutionContext): string | undefined {
  return reflector.get<string | undefined>(AUTH_MODULE, context.getClass());
}

/** The module names in the `GuardOf(…)` of a route or controller: of all guards, or only of `guard`. */
export function guardedModules(reflector: Reflector, target: Target, guard?: Type<CanActivate>): string[] {
  return guardsOf(reflector, target).flatMap((candidate) => {
    const named = guardOfModule(candidate);
    return named && (guard === undefined || named.guard === guard) ? [named.name] : [];
  });
}

/** Whether the route is for a different `AuthModule`, which guards it itself: by `GuardOf(…)` or in its controller. */
export function isForAnotherModule(
  reflector: Reflector,
  context: ExecutionContext,
  guard: Type<CanActivate>,
  name = UNNAMED,
): boolean {
  const marked = markedModule(reflector, context);
  if (marked !== undefined) return marked !== name;
  const targets = [context.getHandler(), context.getClass()];
  // A guard without a name can be of any module, so each module checks the request.
  if (targets.some((target) => guardsOf(reflector, target).includes(guard))) return false;
  const names = targets.flatMap((target) => guardedModules(reflector, target, guard));
  return names.length > 0 && !names.includes(name);
}

function guardsOf(reflector: Reflector, target: Target): unknown[] {
  return reflector.get<unknown[] | undefined>(GUARDS_METADATA, target) ?? [];
}
