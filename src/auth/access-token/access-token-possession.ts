import { Injectable } from '@nestjs/common';
import { BindingConfig } from '../binding/binding-options.js';
import { DpopVerifier } from '../binding/dpop/dpop-verifier.js';
import { ProofReplay, type ProofUse } from '../binding/dpop/proof-replay.js';
import { urlOf } from '../binding/dpop/proven-url.js';
import { ClientCertificates } from '../binding/tls/client-certificates.js';
import { equalInConstantTime } from '../common/crypto/equal-in-constant-time.js';
import { sha256 } from '../common/crypto/sha256.js';
import type { AuthErrorCode } from '../common/errors/auth-error-codes.js';
import { AuthError } from '../common/errors/auth-error.js';
import { clientContextOf } from '../common/request/client-context.js';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AuthenticatedUser } from './authenticated-user.js';
import type { PresentedAccessToken } from './presented-access-token.js';

/** Headers for the answer to a request that has proven possession. */
export type PossessionHeaders = Readonly<Record<string, string>>;

const NO_HEADERS: PossessionHeaders = {};

/** Whether who presents a bound access token holds what it is bound to (its claim `cnf`, RFC 7800). */
@Injectable()
export class AccessTokenPossession {
  /** Several guards may ask about one request, and its proof is good once. */
  private readonly proven = new WeakMap<HttpRequest, { token: string; headers: Promise<PossessionHeaders> }>();

  constructor(
    private readonly dpop: DpopVerifier,
    private readonly replay: ProofReplay,
    private readonly certificates: ClientCertificates,
    private readonly cookie: RefreshCookie,
    private readonly events: AuthEventBus,
    private readonly config: BindingConfig,
  ) {}

  /**
   * At once for a token that is bound to no key, as most are.
   *
   * @throws AuthError `invalid_token` where the token is presented in the wrong scheme, with another certificate, or without
   * its cookie; and, later, `invalid_dpop_proof`, `use_dpop_nonce`
   */
  prove(
    user: AuthenticatedUser,
    presented: PresentedAccessToken,
    request: HttpRequest,
  ): PossessionHeaders | Promise<PossessionHeaders> {
    const { jkt, 'x5t#S256': certificate, 'nonce#S256': nonce } = user.confirmation ?? {};
    // A bound token is no bearer token, and the other way round (RFC 9449 §7.2).
    if ((jkt !== undefined) !== (presented.scheme === 'DPoP'))
      throw this.failed('invalid_token', 'scheme', user, request);
    if (certificate !== undefined && !equalInConstantTime(certificate, this.certificates.thumbprintOf(request) ?? '')) {
      throw this.failed('invalid_token', 'tls', user, request);
    }
    if (nonce !== undefined && !equalInConstantTime(nonce, sha256(this.cookie.readClientNonce(request) ?? ''))) {
      throw this.failed('invalid_token', 'nonce', user, request);
    }
    if (jkt === undefined) return NO_HEADERS;

    let proven = this.proven.get(request);
    if (proven?.token !== presented.token) {
      proven = { token: presented.token, headers: this.proveKey(jkt, user, presented.token, request) };
      this.proven.set(request, proven);
    }
    return proven.headers;
  }

  private async proveKey(
    thumbprint: string,
    user: AuthenticatedUser,
    accessToken: string,
    request: HttpRequest,
  ): Promise<PossessionHeaders> {
    const { publicUrl, checkReplayAtResources } = this.config.dpop;
    const proof = headerOf(request, 'dpop');
    if (proof === undefined)
      throw this.failed('invalid_dpop_proof', 'dpop', user, request, 'A DPoP proof is required.');
    const { method } = request;
    const proven = await this.dpop.verify(proof, { method, url: urlOf(request, publicUrl), accessToken });
    if (!equalInConstantTime(proven.thumbprint, thumbprint)) {
      const description = 'The DPoP proof is not valid: it is of another key.';
      throw this.failed('invalid_dpop_proof', 'dpop', user, request, description);
    }
    if (checkReplayAtResources) await this.replay.assertFirstUse(proven, useOf(user, request));
    return proven.nextNonce === undefined ? NO_HEADERS : { 'DPoP-Nonce': proven.nextNonce };
  }

  private failed(
    code: AuthErrorCode,
    reason: string,
    user: AuthenticatedUser,
    request: HttpRequest,
    description?: string,
  ): AuthError {
    this.events.publish({ type: 'binding_failed', reason, alert: true, ...useOf(user, request) });
    return new AuthError(code, description);
  }
}

function useOf({ id: userId, sessionId, clientId }: AuthenticatedUser, request: HttpRequest): ProofUse {
  return { userId, sessionId, clientId, ...clientContextOf(request) };
}
