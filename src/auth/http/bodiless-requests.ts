import { pipeline, type Readable, Transform } from 'node:stream';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { HttpRequest } from '../common/request/http-request.js';
import { AuthModuleRegistry } from '../modules/auth-module-registry.js';
import { AuthRegistration } from '../modules/auth-registration.js';

interface FastifyRequest extends HttpRequest {
  readonly raw: { readonly httpVersionMajor: number; readonly stream?: { readonly endAfterHeaders: boolean } };
}

type OnRequest = (request: FastifyRequest, reply: unknown, done: () => void) => void;
type PreParsing = (
  request: FastifyRequest,
  reply: unknown,
  payload: Readable,
  done: (error: null, payload: Readable) => void,
) => void;

interface Fastify {
  addHook(name: 'onRequest', hook: OnRequest): void;
  addHook(name: 'preParsing', hook: PreParsing): void;
}

const JSON_TYPE = /^application\/([\w.+-]+\+)?json\b/i;

/**
 * Many HTTP clients send `Content-Type: application/json` even without a body. Express accepts that; Fastify fails to
 * parse the missing JSON. For the auth routes, these hooks do on Fastify what Express does.
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
    const fastify = adapter.getInstance<Fastify>();
    fastify.addHook('onRequest', (request, _, done) => {
      if (hasTypeOfNothing(request) && this.modules.at(request.url)) delete request.headers['content-type'];
      done();
    });
    fastify.addHook('preParsing', (request, _, payload, done) => {
      const mayBeEmpty = hasJsonOfUnknownLength(request) && this.modules.at(request.url);
      done(null, mayBeEmpty ? orEmptyObject(payload) : payload);
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

/** Chunked, or in frames of HTTP/2: only its end tells whether a body came. */
function hasJsonOfUnknownLength({ headers }: FastifyRequest): boolean {
  return headers['content-length'] === undefined && JSON_TYPE.test(String(headers['content-type']));
}

/** Express, too, reads an empty object then. */
function orEmptyObject(payload: Readable): Readable {
  let isEmpty = true;
  const body = new Transform({
    transform(chunk, _, done) {
      isEmpty = false;
      done(null, chunk);
    },
    flush(done) {
      done(null, isEmpty ? '{}' : undefined);
    },
  });
  return pipeline(payload, body, () => undefined);
}
