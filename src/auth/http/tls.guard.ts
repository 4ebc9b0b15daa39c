import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { HttpRequest } from '../common/request/http-request.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';

/** Refuses plain HTTP on the auth routes if TLS is required. */
@Injectable()
export class TlsGuard implements CanActivate {
  constructor(private readonly config: TlsConfig) {}

  canActivate(context: ExecutionContext): boolean {
    assertTls(context.switchToHttp().getRequest<HttpRequest>(), this.config);
    return true;
  }
}
