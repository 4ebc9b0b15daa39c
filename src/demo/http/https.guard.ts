import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from 'nestjs-refresh-token';

const ALLOWS_PLAIN_HTTP = 'demo:allows-plain-http';

/** For probes, which come from the same machine or network. */
export const AllowPlainHttp = () => SetMetadata(ALLOWS_PLAIN_HTTP, true);

/** Refuses plain HTTP on all routes. The library refuses it on its own and on guarded ones. */
@Injectable()
export class HttpsGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.get<true | undefined>(ALLOWS_PLAIN_HTTP, context.getClass())) return true;
    const { protocol } = context.switchToHttp().getRequest<{ protocol: string }>();
    if (protocol !== 'https') throw new AuthError('https_required');
    return true;
  }
}
