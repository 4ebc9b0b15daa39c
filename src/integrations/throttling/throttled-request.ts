import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AccessTokenService } from '../../auth/access-token/access-token.service.js';
import { PresentedAccessTokens } from '../../auth/access-token/presented-access-tokens.js';
import { AccountNames } from '../../auth/audit/account-names.js';
import { authRouteOf } from '../../auth/common/request/auth-route.decorator.js';
import { clientContextOf } from '../../auth/common/request/client-context.js';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import { KnownDevices } from '../../auth/cookie/known-devices.js';
import { AuthEventBus } from '../../auth/events/auth-event-bus.js';
import { type FoundRefreshToken, PresentedRefreshToken } from '../../auth/guards/presented-refresh-token.js';
import { AuthModuleRegistry, type Registered } from '../../auth/modules/auth-module-registry.js';
import { markedModule } from '../../auth/modules/guarded-module.js';
import { MfaTickets } from '../../auth/sign-in/mfa-tickets.js';
import type { PendingSignIn } from '../../auth/sign-in/pending-sign-in.js';
import { type FailureKeys, failureKeysOf } from './failure-keys.js';
import type { FailureKind } from './throttling-options.js';

/** Names in one request. No honest one has more; those that do share one limit. */
const MOST_NAMES = 4;
const MANY_NAMES = 'many names';

/** A request to an auth route, with its counters. */
export interface ThrottledRequest {
  readonly keys: FailureKeys;
  readonly isLogin: boolean;
  /** Whether the route is the library's own. */
  readonly isOwn: boolean;
  /** Whether its only token is a refresh token that this server did not issue. */
  readonly isForged: boolean;
  /** Publishes the event that this client will be refused from now on. */
  tell(kind: FailureKind): void;
  /** The `Set-Cookie` headers for a device that has signed in. Other requests have none. */
  deviceCookies(): string[];
}

@Injectable()
export class ThrottledRequests {
  constructor(
    private readonly reflector: Reflector,
    private readonly modules: AuthModuleRegistry,
  ) {}

  /** `undefined` for requests to other routes. */
  of(context: ExecutionContext): ThrottledRequest | undefined {
    const route = authRouteOf(this.reflector, context);
    if (!route || context.getType() !== 'http') return undefined;
    const registered = this.modules.of(this.reflector, context);
    if (!registered) return undefined;
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const isLogin = route === 'login' || route === 'mfa';
    const isOwn = markedModule(this.reflector, context) !== undefined;
    const ticket = route === 'mfa' ? ticketOf(request, registered) : undefined;
    const token = isLogin ? undefined : tokenOf(request, registered);
    // A route of the host may check the password of the session of an access token, for example to change it.
    const accessed = route === 'step-up' && !isOwn ? sessionOfAccessToken(request, registered) : undefined;
    const sessions = [accessed, token?.decoded?.sessionId].filter((id) => id !== undefined);
    const [sessionId] = sessions;
    // Whichever of them the route means. In one order, so that no two requests wait for each other's places.
    const sessionIds = [...new Set(sessions)].sort();
    const client = clientContextOf(request);
    const usernames =
      route === 'mfa' ? textsIn(ticket?.accountName) : isOwn ? ownNames(request, registered) : hostNames(request);
    const [username = ''] = usernames;
    // A device that knows one account must not count as known for another one.
    const isNamed = usernames.length === 1;
    const devices = registered.service(KnownDevices);
    // A route of the host may succeed before anybody has proved anything, so it makes no device known.
    const isOwnLogin = isLogin && isOwn;
    const knownDevice = isOwnLogin && isNamed ? devices.find(request, username) : undefined;
    const { name } = registered.registration;
    return {
      keys: failureKeysOf({
        ...{ module: name, route, ip: client.ip, usernames, knownDevice, isOwnLogin, sessionIds },
        ticketUser: ticket?.userId,
      }),
      isLogin,
      isOwn,
      // With an access token, the cookie may be of another application on this host.
      isForged: token !== undefined && !token.decoded && accessed === undefined,
      tell(kind) {
        // A client that fails here holds a token of the session, or knows the first factor.
        const alert = kind === 'step_up' || kind === 'mfa' ? true : undefined;
        const isOfName = kind === 'login' || kind === 'login_of_name' || kind === 'mfa';
        const account = isOfName ? registered.service(AccountNames).tell(username) : {};
        const userId = kind === 'mfa' ? ticket?.userId : undefined;
        const told = { sessionId, userId, ...account, ...client };
        registered.service(AuthEventBus).publish({ type: 'throttled', reason: kind, alert, ...told });
      },
      deviceCookies: () => (isOwnLogin && isNamed ? devices.remember(request, username) : []),
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

/** `undefined` without a valid access token. The guard of the route refuses the request then. */
function sessionOfAccessToken(request: HttpRequest, { service }: Registered): string | undefined {
  try {
    const presented = service(PresentedAccessTokens).find(request);
    return presented && service(AccessTokenService).verify(presented.token).sessionId;
  } catch {
    return undefined;
  }
}

function ticketOf({ body }: HttpRequest, { service }: Registered): PendingSignIn | undefined {
  return service(MfaTickets).read(((body ?? {}) as { mfa_ticket?: unknown }).mfa_ticket);
}

/** What the library itself reads. */
function ownNames({ body }: HttpRequest, { registration: { accountFields } }: Registered): string[] {
  const fields = (body ?? {}) as Record<string, unknown>;
  return fewNames(accountFields.flatMap((field) => textsIn(fields[field])));
}

/** Which of the fields a route of the host reads is not known, so each of them counts. */
function hostNames({ body }: HttpRequest): string[] {
  const { username, email } = (body ?? {}) as { username?: unknown; email?: unknown };
  return fewNames([...textsIn(username), ...textsIn(email)]);
}

function fewNames(names: string[]): string[] {
  return names.length > MOST_NAMES ? [MANY_NAMES] : names;
}

/** A host may take a number or a list for the text. */
function textsIn(value: unknown): string[] {
  const values: unknown[] = Array.isArray(value) ? value.flat(4) : [value];
  return values
    .filter((one) => typeof one === 'string' || typeof one === 'number')
    .map(String)
    .filter((name) => name !== '');
}
