import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AccountNames } from '../../auth/audit/account-names.js';
import { AUTH_ROUTE, type AuthRouteName } from '../../auth/common/request/auth-route.decorator.js';
import { clientContextOf } from '../../auth/common/request/client-context.js';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import { AuthEventBus } from '../../auth/events/auth-event-bus.js';
import { type FoundRefreshToken, PresentedRefreshToken } from '../../auth/guards/presented-refresh-token.js';
import { AuthModuleRegistry, type Registered } from '../../auth/modules/auth-module-registry.js';
import { type FailureKey, failureKeysOf, usernameOf } from './failure-keys.js';
import type { FailureKind } from './throttling-options.js';

/** A request to an auth route, with its counters. */
export interface ThrottledRequest {
  readonly keys: readonly FailureKey[];
  /** Whether it carries a refresh token that this server did not issue. */
  readonly isForged: boolean;
  /** Publishes the event that this client will be refused from now on. */
  tell(kind: FailureKind): void;
}

@Injectable()
export class ThrottledRequests {
  constructor(
    private readonly reflector: Reflector,
    private readonly modules: AuthModuleRegistry,
  ) {}

  /** `undefined` for requests to other routes. */
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
        // A client that fails here holds a token of the session.
        const alert = kind === 'step_up' ? true : undefined;
        const account = kind === 'login' ? registered.service(AccountNames).tell(usernameOf(request)) : {};
        const told = { sessionId, ...account, ...client };
        registered.service(AuthEventBus).publish({ type: 'throttled', reason: kind, alert, ...told });
      },
    };
  }
}

function tokenOf(request: HttpRequest, { service }: Registered): FoundRefreshToken | undefined {
  try {
    return service(PresentedRefreshToken).find(request);
  } catch {
    // The token is malformed, or the request comes from another site. The guard of the route refuses it.
    return undefined;
  }
}
