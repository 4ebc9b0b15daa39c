import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { PresentedBinding } from '../binding/presented-binding.js';
import { AuthError } from '../common/errors/auth-error.js';
import { type ClientContext, clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { DeviceIdCookie } from '../cookie/device-id-cookie.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import type { IssuedRefreshToken } from '../refresh-token/refresh-token.codec.js';
import type { TokenUse } from '../refresh-token/token-use.js';
import { tokenUseOf } from '../refresh-token/token-use-of.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import type { Transport } from '../session/session-options.js';
import { StepUpService } from '../sign-in/step-up.service.js';
import { isAnswered, type OwnAnswer } from './own-answer.js';
import { tokenResponse } from './token-response.js';

/** What comes with a request for tokens: where from, with which proof, and its key. */
interface RequestContext {
  readonly client: ClientContext;
  readonly evidence: BindingEvidence;
  readonly use: TokenUse;
}

/** The same of a request that begins a session. */
export interface SignInContext extends RequestContext {
  /** From the cookie of the browser; see `SignInRequest`. */
  readonly deviceId: string | undefined;
}

/** The answers of all routes that issue tokens: those of the module, and those of the host. */
@Injectable()
export class SessionAnswers {
  constructor(
    private readonly refreshTokens: RefreshTokenService,
    private readonly stepUps: StepUpService,
    private readonly presented: PresentedRefreshToken,
    private readonly binding: PresentedBinding,
    private readonly cookie: RefreshCookie,
    private readonly deviceIds: DeviceIdCookie,
  ) {}

  /**
   * Begins a session, which replaces that of the browser.
   *
   * @param isProtected whether the route itself refuses what another site makes a browser send
   * @param begin issues the tokens
   */
  async signIn(
    request: HttpRequest,
    response: HttpResponse,
    transport: Transport,
    isProtected: boolean,
    begin: (context: SignInContext) => Promise<IssuedTokens>,
  ): Promise<OwnAnswer> {
    const use = tokenUseOf(request);
    // A form on a different site could sign the visitor in to the attacker's account: the browser would store the
    // cookie.
    if (transport === 'cookie' && !isProtected) this.cookie.assertSameSite(request);
    const client = clientContextOf(request);
    const deviceId = transport === 'cookie' ? this.deviceIds.of(request, use.idempotencyKey) : undefined;
    const issued = await begin({ client, evidence: await this.binding.of(request, response), use, deviceId });
    for (const previous of transport === 'cookie' ? this.cookie.readAll(request) : []) {
      if (!isAnswered(response)) await this.refreshTokens.revokeByToken(previous, 'replaced', client);
    }
    if (isAnswered(response)) {
      // No client gets this session's token: an interceptor was faster, for example with a timeout.
      await this.refreshTokens.revoke(issued.sessionId, 'sign_in_failed', client);
      throw new AuthError('temporarily_unavailable');
    }
    const { body, cookies } = this.answer(issued, request, { withClientNonce: true });
    return { body, cookies: [...cookies, ...this.deviceIds.setCookies(deviceId)] };
  }

  /** Refreshes the session of the token in the request. */
  refresh(request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    return this.renew(request, response, (token, { client, evidence, use }) =>
      this.refreshTokens.refresh(token, client, evidence, use),
    );
  }

  /** The same, after the user has authenticated again. */
  stepUp(proof: unknown, request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    return this.renew(request, response, (token, { client, evidence, use }) =>
      this.stepUps.stepUp(token, proof, client, evidence, use),
    );
  }

  private async renew(
    request: HttpRequest,
    response: HttpResponse,
    issue: (token: IssuedRefreshToken, context: RequestContext) => Promise<IssuedTokens>,
  ): Promise<OwnAnswer> {
    const { decoded } = this.presented.require(request);
    const use = tokenUseOf(request);
    const evidence = await this.binding.of(request, response);
    return this.answer(await issue(decoded, { client: clientContextOf(request), evidence, use }), request);
  }

  private answer(issued: IssuedTokens, request: HttpRequest, { withClientNonce = false } = {}) {
    const body = tokenResponse(issued, withClientNonce);
    if (issued.transport !== 'cookie') return { body, cookies: [] };
    const strays = this.presented.hasSeveralSessions(request) ? this.cookie.clearStrayCookies(request, true) : [];
    return { body, cookies: [...strays, ...this.cookie.setCookies(issued, request)] };
  }
}
