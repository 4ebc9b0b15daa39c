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
import { IS_PUBLIC } from './public.decorator.js';

/** What a guard needs of a call, in whatever context. */
export interface GuardedCall {
  readonly request: HttpRequest;
  /** Of HTTP alone. */
  readonly response: HttpResponse | undefined;
  /** Through which a message or a subscription came. */
  readonly socket: ClosableSocket | undefined;
}

/**
 * Lets a request pass that brings a valid access token, and puts its {@link AuthenticatedUser} at `request.user`. Where the
 * token is bound to a key or a certificate, the request must show that it holds it.
 *
 * In GraphQL the token comes with the request, or with a subscription's `connectionParams`; in a WebSocket gateway with
 * what has opened the socket, which is closed when the token is no longer good; in a microservice as `access_token` in the
 * payload. Any other context is refused, unless it is `@Public()`.
 *
 * For single routes by `@UseGuards(JwtAuthGuard)`, or for all by `{ provide: APP_GUARD, useExisting: JwtAuthGuard }`,
 * from which `@Public()` exempts; what `GuardOf(JwtAuthGuard, 'staff')` guards is left to that one. No database is asked, but for whether a DPoP proof has been used before. Every step can
 * be overridden.
 *
 * @throws AuthError `unauthorized`, `invalid_token`, `token_expired`, `token_revoked`, `token_stale`, `invalid_dpop_proof`,
 * `use_dpop_nonce`, with the challenge of RFC 6750 §3 or RFC 9449 §7.1
 */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
    private readonly sockets: SocketSessions,
    private readonly reflector: Reflector,
    private readonly tls: TlsConfig,
    private readonly registration: AuthRegistration,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (this.isPublic(context) || this.isForAnother(context)) return true;
    const call = this.callOf(context);
    try {
      const known = call.socket && this.sockets.userOf(call.socket);
      // A socket proves possession once, when it is opened: no message could bring another proof.
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

  protected isPublic(context: ExecutionContext): boolean {
    const [handler, controller] = [context.getHandler(), context.getClass()];
    const ofHandler = this.reflector.get<boolean | undefined>(IS_PUBLIC, handler);
    const isPublic = ofHandler ?? this.reflector.get<boolean | undefined>(IS_PUBLIC, controller);
    if (isPublic !== true) return false;
    // It exempts from what stands above it, not from a guard that is named beside it.
    const below = ofHandler === undefined ? [handler, controller] : [handler];
    const { name = UNNAMED } = this.registration;
    return !below.some((target) => guardedModules(this.reflector, target, JwtAuthGuard).includes(name));
  }

  /** Another `AuthModule` says by its own guard who may pass. */
  protected isForAnother(context: ExecutionContext): boolean {
    return isForAnotherModule(this.reflector, context, JwtAuthGuard, this.registration.name);
  }

  /** Resolved once, for every later step. */
  protected callOf(context: ExecutionContext): GuardedCall {
    const request = requestOf(context);
    if (!request)
      throw new AuthError('unauthorized', 'Nothing that could bring an access token comes in this context.');
    return {
      request,
      response: context.getType() === 'http' ? context.switchToHttp().getResponse<HttpResponse>() : undefined,
      socket: socketOf(context) as ClosableSocket | undefined,
    };
  }

  protected presentedBy(request: HttpRequest): PresentedAccessToken {
    return requirePresented(request);
  }

  protected admit(
    { request, response, socket }: GuardedCall,
    user: AuthenticatedUser,
    headers: PossessionHeaders,
  ): true {
    request.user = user;
    if (socket) this.sockets.watch(socket, user);
    answerWith(response, headers);
    return true;
  }

  /** The headers are set here, because the filter that will answer may be the host's. */
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
