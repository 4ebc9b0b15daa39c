import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AccessTokenPossession, type PossessionHeaders } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import {
  type PresentedAccessToken,
  presentedScheme,
  requirePresented,
} from '../access-token/presented-access-token.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { requestOf, socketOf } from '../common/request/request-of.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';
import { AuthRegistration } from '../modules/auth-registration.js';
import { guardedModules, isForAnotherModule, UNNAMED } from '../modules/guarded-module.js';
import type { ClosableSocket } from '../sockets/closable-socket.js';
import { SocketSessions } from '../sockets/socket-sessions.js';
import { StreamSessions } from '../streams/stream-sessions.js';
import { IS_PUBLIC } from './public.decorator.js';

/**
 * What {@link JwtAuthGuard} needs to know about a call, in any context. Use it to override a step of the guard.
 *
 * @example
 * class LoggingGuard extends JwtAuthGuard {
 *   protected override admit(call: GuardedCall, user: AuthenticatedUser, headers: PossessionHeaders): true {
 *     console.log(user.id, call.request.url);
 *     return super.admit(call, user, headers);
 *   }
 * }
 */
export interface GuardedCall {
  readonly context: ExecutionContext;
  readonly request: HttpRequest;
  /** HTTP only. */
  readonly response: HttpResponse | undefined;
  /** The socket through which the message or subscription came. */
  readonly socket: ClosableSocket | undefined;
}

/**
 * Lets a request pass if it has a valid access token, and sets `request.user` to its {@link AuthenticatedUser}. If the
 * token is bound to a key or a certificate, the request must prove possession of it.
 *
 * Where the token is expected:
 *
 * - HTTP: in the header `Authorization`. A response that is still being sent ends when the token stops being valid.
 * - GraphQL: in the HTTP request, or in the `connectionParams` of a subscription.
 * - WebSocket gateways: in the request that opened the socket. The socket is closed when the token stops being valid.
 * - Microservices: as `access_token` in the payload.
 *
 * Any other context is refused, unless the handler is `@Public()`.
 *
 * Use `@UseGuards(JwtAuthGuard)` for single routes. For all routes, use `{ provide: APP_GUARD, useExisting:
 * JwtAuthGuard }`, and exempt some with `@Public()`. A route with `GuardOf(JwtAuthGuard, 'staff')` is left to that
 * guard. The guard makes no database query, except to record a DPoP proof. You can override every step.
 *
 * @throws AuthError `unauthorized`, `invalid_token`, `token_expired`, `token_revoked`, `token_stale`,
 *   `invalid_dpop_proof` or `use_dpop_nonce`, with the challenge of RFC 6750 §3 or RFC 9449 §7.1
 * @throws AuthError `https_required` if TLS is required and the request came without it
 * @throws AuthError `temporarily_unavailable` if revocations or DPoP proofs cannot be checked
 * @example
 * @UseGuards(JwtAuthGuard)
 * @Get('profile')
 * profile(@CurrentUser() user: AuthenticatedUser) {
 *   return user.id;
 * }
 */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
    private readonly sockets: SocketSessions,
    private readonly streams: StreamSessions,
    private readonly reflector: Reflector,
    private readonly tls: TlsConfig,
    private readonly registration: AuthRegistration,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (this.isPublic(context) || this.isForAnother(context)) return true;
    const call = this.callOf(context);
    try {
      const known = call.socket && this.sockets.userOf(call.socket);
      // A socket proves possession once, when it is opened: a message cannot carry a new proof.
      if (known) return this.admit(call, known, {});
      assertTls(call.request, this.tls);
      const presented = this.presentedBy(call.request);
      const user = this.accessTokens.verify(presented.token);
      const proven = this.possession.prove(user, presented, call.request);
      if (proven instanceof Promise) {
        return proven.then(
          (headers) => this.admit(call, user, headers),
          (error: unknown) => this.refuse(call, error),
        );
      }
      return this.admit(call, user, proven);
    } catch (error) {
      return this.refuse(call, error);
    }
  }

  /** Whether `@Public()` exempts the handler from this guard. */
  protected isPublic(context: ExecutionContext): boolean {
    const [handler, controller] = [context.getHandler(), context.getClass()];
    const ofHandler = this.reflector.get<boolean | undefined>(IS_PUBLIC, handler);
    const isPublic = ofHandler ?? this.reflector.get<boolean | undefined>(IS_PUBLIC, controller);
    if (isPublic !== true) return false;
    // `@Public()` exempts from guards of the levels above, not from a guard that the same level names.
    const below = ofHandler === undefined ? [handler, controller] : [handler];
    const { name = UNNAMED } = this.registration;
    return !below.some((target) => guardedModules(this.reflector, target, JwtAuthGuard).includes(name));
  }

  /** Whether a different `AuthModule` guards this route by its own guard. */
  protected isForAnother(context: ExecutionContext): boolean {
    return isForAnotherModule(this.reflector, context, JwtAuthGuard, this.registration.name);
  }

  /**
   * Collects what the later steps need.
   *
   * @throws AuthError `unauthorized` in a context without a request
   */
  protected callOf(context: ExecutionContext): GuardedCall {
    const request = requestOf(context);
    if (!request) throw new AuthError('unauthorized', 'An access token cannot be sent in this context.');
    return {
      context,
      request,
      response: context.getType() === 'http' ? context.switchToHttp().getResponse<HttpResponse>() : undefined,
      socket: socketOf(context) as ClosableSocket | undefined,
    };
  }

  /**
   * Finds the access token in the request.
   *
   * @throws AuthError `unauthorized` if the request has no token
   */
  protected presentedBy(request: HttpRequest): PresentedAccessToken {
    return requirePresented(request);
  }

  /** Lets the request pass. */
  protected admit(
    { context, request, response, socket }: GuardedCall,
    user: AuthenticatedUser,
    headers: PossessionHeaders,
  ): true {
    request.user = user;
    if (socket) this.sockets.watch(socket, user);
    if (response) this.streams.admit(context, user);
    answerWith(response, headers);
    return true;
  }

  /** Refuses the request. The headers are set here, because a filter of the application may answer. */
  protected refuse({ request, response }: GuardedCall, error: unknown): never {
    if (!(error instanceof AuthError)) throw error;
    const refusal = error.atResource(presentedScheme(request) ?? 'Bearer');
    answerWith(response, refusal.headers);
    throw refusal;
  }
}

function answerWith(response: HttpResponse | undefined, headers: Readonly<Record<string, string>>): void {
  for (const name in headers) response?.header(name, headers[name]);
}
