import { type ExecutionContext, Logger } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { requestOf } from '../common/request/request-of.js';

/** What a decorator asks for, and the user who wants to pass. */
export interface Asked<Value> {
  readonly asked: Value;
  readonly user: AuthenticatedUser;
}

/** For guards that run after `JwtAuthGuard`: what their decorator asks for, and the user that `JwtAuthGuard` found. */
export class Requirement<Value> {
  private readonly reported = new WeakSet<object>();

  /**
   * @param key the metadata key of the decorator
   * @param guard the name of the guard
   * @param advice how to order the guards; logged once for each route without a user
   */
  constructor(
    private readonly key: string,
    private readonly guard: string,
    private readonly advice = `Name ${guard} after that guard: @UseGuards(JwtAuthGuard, ${guard}), or GuardOf(JwtAuthGuard, 'staff').`,
  ) {}

  /**
   * `undefined` if the route asks for nothing. The decorator of a handler replaces that of its class.
   *
   * @throws AuthError `unauthorized` if no earlier guard has found a user
   */
  of(context: ExecutionContext, reflector: Reflector): Asked<Value> | undefined {
    const asked = reflector.getAllAndOverride<Value | undefined>(this.key, [context.getHandler(), context.getClass()]);
    if (asked === undefined) return undefined;
    const user = requestOf(context)?.user as AuthenticatedUser | undefined;
    if (user) return { asked, user };
    this.report(context);
    throw new AuthError('unauthorized');
  }

  private report(context: ExecutionContext): void {
    const handler = context.getHandler();
    if (this.reported.has(handler)) return;
    this.reported.add(handler);
    const route = `${context.getClass().name}.${handler.name}`;
    new Logger(this.guard).warn(`${route}: no guard that ran before ${this.guard} has found a user. ${this.advice}`);
  }
}

/** Whether a claim of the user has this value. A text would be searched for a part of it: 'not-admin' includes 'admin'. */
export function holds(claim: unknown, value: string): boolean {
  return Array.isArray(claim) && claim.includes(value);
}
