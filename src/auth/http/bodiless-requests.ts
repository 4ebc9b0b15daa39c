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
 * Many HTTP clients send `Content-Type: application/json` even without a body. Express accepts that; Fastify fails to
 * parse the missing JSON. For the auth routes, this hook removes the header on Fastify.
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
  // In HTTP/2 a body needs no `Content-Length`.
  if (length === undefined && raw.httpVersionMajor >= 2) return raw.stream?.endAfterHeaders === true;
  return length === undefined || length === '0';
}
