import { type ExecutionContext, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AccessTokenWatch } from '../access-token/access-token-watch.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { closeWithEvents, endStream, isOver, isStreaming, type RawResponse, rawResponse } from './open-response.js';
import { OUTLIVES_TOKEN } from './outlives-token.decorator.js';

/** A request that a guard has let in. */
export interface AdmittedRequest {
  readonly context: ExecutionContext;
  readonly user: AuthenticatedUser;
}

/** One that is answered for long enough to be watched. */
interface OpenRequest {
  readonly raw: RawResponse;
  /** Why its token is not valid any more. */
  error?: AuthError;
  unwatch?: () => void;
  signal?: AbortController;
}

/** Nest marks `@Sse()` handlers with it. */
const SSE_METADATA = '__sse__';
/** Milliseconds. Most requests are answered sooner, and cost nothing here. */
const LOOK = 100;

/**
 * Ends the responses that are still being sent when their access token stops being valid. `JwtAuthGuard` registers each
 * request, so `@Sse()`, `StreamableFile` and loops of `response.write` need nothing else.
 *
 * A response that has sent nothing yet is left to its handler. It ends only if it then turns out to be a stream.
 *
 * @example
 * constructor(private readonly streams: StreamSessions) {}
 *
 * @UseGuards(JwtAuthGuard)
 * @Get('prices')
 * async prices(@Req() request: Request, @Res() response: Response) {
 *   const signal = this.streams.signalOf(request);
 *   for await (const price of pricesUntil(signal)) response.write(price);
 *   response.end();
 * }
 */
@Injectable()
export class StreamSessions implements OnApplicationShutdown {
  private admitted: AdmittedRequest[] = [];
  private readonly open = new Map<object, OpenRequest>();
  private timer: NodeJS.Timeout | undefined;
  /** The look for all that have ended since the last one. */
  private afterEnd: NodeJS.Immediate | undefined;

  constructor(
    private readonly tokens: AccessTokenWatch,
    private readonly reflector: Reflector,
  ) {}

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
    this.admitted = [];
    for (const { unwatch } of this.open.values()) unwatch?.();
    this.open.clear();
  }

  /** The number of responses that are watched. */
  get size(): number {
    return this.open.size;
  }

  /** Registers an HTTP request. Each guarded request comes here, so it must cost next to nothing. */
  admit(context: ExecutionContext, user: AuthenticatedUser): void {
    if (this.reflector.get(SSE_METADATA, context.getHandler())) {
      closeWithEvents(rawResponse(context.switchToHttp().getResponse<object>()));
    }
    this.admitted.push({ context, user });
    this.timer ??= this.lookSoon();
  }

  /**
   * A signal that aborts when the access token of the request stops being valid, and when the response has closed. Give
   * it to `fetch`, `pipeline`, `events.on`, or to `fromEvent(signal, 'abort')`.
   *
   * In the first case its `reason` is an `AuthError`: `token_expired`, `token_revoked`, `token_stale` or
   * `temporarily_unavailable`. If nothing has been sent, the handler can throw it as the answer.
   *
   * @param request the request of Express or Fastify, as `@Req()` gives it
   * @throws AuthError `unauthorized` if `JwtAuthGuard` has not let this request in
   * @example
   * const rows = await fetch(url, { signal: this.streams.signalOf(request) });
   */
  signalOf(request: object): AbortSignal {
    const admitted = this.admitted.find(({ context }) => requestIn(context) === request);
    const open = this.open.get(request) ?? (admitted && this.watch(request, admitted));
    if (!open) throw new AuthError('unauthorized', 'JwtAuthGuard has not let this request in.');
    if (open.signal) return open.signal.signal;
    open.signal = new AbortController();
    if (open.error) open.signal.abort(open.error);
    return open.signal.signal;
  }

  private lookSoon(): NodeJS.Timeout {
    return setTimeout(() => this.look(), LOOK).unref();
  }

  private look(): void {
    clearTimeout(this.timer);
    const admitted = this.admitted;
    this.admitted = [];
    for (const one of admitted) this.watch(requestIn(one.context), one);
    const condemned = [...this.open.values()].filter(({ error }) => error);
    for (const { raw, error } of condemned) if (isStreaming(raw)) endStream(raw, error);
    // One that has not begun to answer may still become a stream.
    this.timer = condemned.length > 0 ? this.lookSoon() : undefined;
  }

  /** Does nothing for one that has been answered. */
  private watch(request: object, { context, user }: AdmittedRequest): OpenRequest | undefined {
    const raw = rawResponse(context.switchToHttp().getResponse<object>());
    // Two guards may let in the same request.
    if (this.open.has(request) || isOver(raw)) return this.open.get(request);
    const open: OpenRequest = { raw };
    this.open.set(request, open);
    raw.once('close', () => this.closed(request, open));
    const outlives = this.reflector.getAllAndOverride<boolean>(OUTLIVES_TOKEN, [
      context.getHandler(),
      context.getClass(),
    ]);
    open.unwatch = this.tokens.watch(user, (error) => this.end(open, error), !outlives);
    return open;
  }

  private end(open: OpenRequest, error: AuthError): void {
    open.error = error;
    open.signal?.abort(error);
    // The application can send the events that are published with the end, and may end the response by itself.
    this.afterEnd ??= setImmediate(() => {
      this.afterEnd = undefined;
      this.look();
    });
  }

  private closed(request: object, { unwatch, signal }: OpenRequest): void {
    unwatch?.();
    signal?.abort();
    this.open.delete(request);
  }
}

function requestIn(context: ExecutionContext): object {
  return context.switchToHttp().getRequest<object>();
}
