import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import type { Reflector } from '@nestjs/core';
import { guardOfModule } from './inject-auth.js';

/** Marks the controllers of an `AuthModule` with its name. */
export const AUTH_MODULE = 'nestjs-refresh-token:auth-module';

/** The name that stands in a mark for the one that has none. */
export const UNNAMED = '';

type Target = Type | ReturnType<ExecutionContext['getHandler']>;

/** The `AuthModule` whose route this is; `undefined` where nothing says so. */
export function markedModule(reflector: Reflector, context: ExecutionContext): string | undefined {
  return reflector.get<string | undefined>(AUTH_MODULE, context.getClass());
}

/** The names in the `GuardOf(…)` of a route or controller, of all guards or of this one. */
export function guardedModules(reflector: Reflector, target: Target, guard?: Type<CanActivate>): string[] {
  return guardsOf(reflector, target).flatMap((candidate) => {
    const named = guardOfModule(candidate);
    return named && (guard === undefined || named.guard === guard) ? [named.name] : [];
  });
}

/** Whether the route is for another `AuthModule`, whose own guard stands before it: by `GuardOf(…)`, or in its controller. */
export function isForAnotherModule(
  reflector: Reflector,
  context: ExecutionContext,
  guard: Type<CanActivate>,
  name = UNNAMED,
): boolean {
  const marked = markedModule(reflector, context);
  if (marked !== undefined) return marked !== name;
  const targets = [context.getHandler(), context.getClass()];
  // Whose it is that stands there without a name, nobody can tell: then all of them have their say.
  if (targets.some((target) => guardsOf(reflector, target).includes(guard))) return false;
  const names = targets.flatMap((target) => guardedModules(reflector, target, guard));
  return names.length > 0 && !names.includes(name);
}

function guardsOf(reflector: Reflector, target: Target): unknown[] {
  return reflector.get<unknown[] | undefined>(GUARDS_METADATA, target) ?? [];
}
