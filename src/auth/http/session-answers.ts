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
import type { TokenUse } from '../refresh-token/token-use.js';
import { tokenUseOf } from '../refresh-token/token-use-of.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import type { Transport } from '../session/session-options.js';
import { StepUpService } from '../sign-in/step-up.service.js';
import { isAnswered, type OwnAnswer } from './own-answer.js';
import { tokenResponse } from './token-response.js';

/** What comes with a request that begins a session: where from, with which proof, and its key. */
export interface SignInContext {
  readonly client: ClientContext;
  readonly evidence: BindingEvidence;
  readonly use: TokenUse;
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
  async refresh(request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    const { decoded } = this.presented.require(request);
    const use = tokenUseOf(request);
    const evidence = await this.binding.of(request, response);
    const issued = await this.refreshTokens.refresh(decoded, clientContextOf(request), evidence, use);
    return this.answer(issued, request);
  }

  /** The same, after the user has authenticated again. */
  async stepUp(proof: unknown, request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    const { decoded } = this.presented.require(request);
    const use = tokenUseOf(request);
    const evidence = await this.binding.of(request, response);
    const issued = await this.stepUps.stepUp(decoded, proof, clientContextOf(request), evidence, use);
    return this.answer(issued, request);
  }

  private answer(issued: IssuedTokens, request: HttpRequest, { withClientNonce = false } = {}) {
    const body = tokenResponse(issued, withClientNonce);
    if (issued.transport !== 'cookie') return { body, cookies: [] };
    const strays = this.presented.hasSeveralSessions(request) ? this.cookie.clearStrayCookies(request, true) : [];
    return { body, cookies: [...strays, ...this.cookie.setCookies(issued, request)] };
  }
}
