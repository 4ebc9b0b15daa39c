import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AUTH_ROUTE, type AuthRouteName } from '../../auth/common/request/auth-route.decorator.js';
import { clientContextOf } from '../../auth/common/request/client-context.js';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import { AuthEventBus } from '../../auth/events/auth-event-bus.js';
import { type FoundRefreshToken, PresentedRefreshToken } from '../../auth/guards/presented-refresh-token.js';
import { AuthModuleRegistry, type Registered } from '../../auth/modules/auth-module-registry.js';
import { type FailureKey, failureKeysOf } from './failure-keys.js';
import type { FailureKind } from './throttling-options.js';

/** What a request to an auth route is counted by. */
export interface ThrottledRequest {
  readonly keys: readonly FailureKey[];
  /** It carries a refresh token that this server has not issued. */
  readonly isForged: boolean;
  /** Tells the events of its `AuthModule` that somebody will be refused from now on. */
  tell(kind: FailureKind): void;
}

@Injectable()
export class ThrottledRequests {
  constructor(
    private readonly reflector: Reflector,
    private readonly modules: AuthModuleRegistry,
  ) {}

  /** `undefined` for a request to any other route. */
  of(context: ExecutionContext): ThrottledRequest | undefined {
    const route = this.reflector.get<AuthRouteName | undefined>(AUTH_ROUTE, context.getHandler());
    const registered = route && this.modules.of(this.reflector, context);
    if (!registered) return undefined;
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const token = route === 'login' ? undefined : tokenOf(request, registered);
    const sessionId = token?.decoded?.sessionId;
    const client = clientContextOf(request);
    return {
      keys: failureKeysOf(registered.registration.name, route, request, client, sessionId),
      isForged: token !== undefined && !token.decoded,
      tell(kind) {
        // Who fails at that holds a token of the session.
        const alert = kind === 'step_up' ? true : undefined;
        registered.service(AuthEventBus).publish({ type: 'throttled', reason: kind, alert, sessionId, ...client });
      },
    };
  }
}

function tokenOf(request: HttpRequest, { service }: Registered): FoundRefreshToken | undefined {
  try {
    return service(PresentedRefreshToken).find(request);
  } catch {
    // Malformed, or from another site: the route's own guard says so.
    return undefined;
  }
}
