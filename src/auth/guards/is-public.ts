import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { guardedModules, UNNAMED } from '../modules/guarded-module.js';
import { IS_PUBLIC } from './public.decorator.js';

/**
 * Whether `@Public()` exempts the handler from a guard of the levels above. It does not exempt from a guard that the same
 * level names.
 *
 * @param name of the `AuthModule` that the guard belongs to
 */
export function isPublic(
  reflector: Reflector,
  context: ExecutionContext,
  guard: Type<CanActivate>,
  name = UNNAMED,
): boolean {
  const [handler, controller] = [context.getHandler(), context.getClass()];
  const ofHandler = reflector.get<boolean | undefined>(IS_PUBLIC, handler);
  const marked = ofHandler ?? reflector.get<boolean | undefined>(IS_PUBLIC, controller);
  if (marked !== true) return false;
  const below = ofHandler === undefined ? [handler, controller] : [handler];
  return !below.some((target) => guardedModules(reflector, target, guard).includes(name));
}
