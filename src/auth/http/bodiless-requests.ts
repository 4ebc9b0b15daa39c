import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { HttpRequest } from '../common/request/http-request.js';
import { AuthModuleRegistry } from '../modules/auth-module-registry.js';
import { AuthRegistration } from '../modules/auth-registration.js';

interface FastifyRequest extends HttpRequest {
  readonly raw: { readonly httpVersionMajor: number; readonly stream?: { readonly endAfterHeaders: boolean } };
}

interface Fastify {
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: unknown, done: () => void) => void): void;
}

/**
 * Browsers' clients name `application/json` on every request, also where the cookie says it all and there is no body. Express
 * takes that for no body, Fastify for JSON that ends too soon: for the auth routes it is made to see it as Express does.
 */
@Injectable()
export class BodilessRequests implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly registration: AuthRegistration,
    private readonly modules: AuthModuleRegistry,
  ) {}

  onModuleInit(): void {
    const adapter = this.adapterHost.httpAdapter;
    if (!this.registration.controllers || adapter?.getType() !== 'fastify') return;
    adapter.getInstance<Fastify>().addHook('onRequest', (request, _, done) => {
      if (hasTypeOfNothing(request) && this.modules.at(request.url)) delete request.headers['content-type'];
      done();
    });
  }
}

function hasTypeOfNothing({ headers, raw }: FastifyRequest): boolean {
  if (headers['content-type'] === undefined || headers['transfer-encoding'] !== undefined) return false;
  const length = headers['content-length'];
  // HTTP/2 frames a body whether or not its length is told.
  if (length === undefined && raw.httpVersionMajor >= 2) return raw.stream?.endAfterHeaders === true;
  return length === undefined || length === '0';
}
