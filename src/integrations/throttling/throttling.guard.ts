import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ThrottledAttempts } from './throttled-attempts.js';

/** Refuses clients that failed too often, before any other check. */
@Injectable()
export class ThrottlingGuard implements CanActivate {
  constructor(private readonly attempts: ThrottledAttempts) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    await this.attempts.begin(context);
    return true;
  }
}
