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

/** Headers for the response to a request that has proven possession. */
export type PossessionHeaders = Readonly<Record<string, string>>;

const NO_HEADERS: PossessionHeaders = {};

/**
 * Checks that the client that presents a bound access token holds the key, certificate or cookie of its claim `cnf`
 * (RFC 7800).
 */
@Injectable()
export class AccessTokenPossession {
  /** Results by request. Several guards may check the same request, but its proof can be used only once. */
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
   * Most tokens are bound to no key: for them the check is synchronous.
   *
   * @throws AuthError `invalid_token` if the token is presented with the wrong scheme, with another certificate, or
   *   without its cookie. For key-bound tokens the promise may reject with `invalid_dpop_proof` or `use_dpop_nonce`
   */
  prove(
    user: AuthenticatedUser,
    presented: PresentedAccessToken,
    request: HttpRequest,
  ): PossessionHeaders | Promise<PossessionHeaders> {
    const { jkt, 'x5t#S256': certificate, 'nonce#S256': nonce } = user.confirmation ?? {};
    // A key-bound token must use the scheme `DPoP`, and any other token must not (RFC 9449 §7.2).
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
      const description = 'The DPoP proof is not valid: it was made with another key.';
      throw this.failed('invalid_dpop_proof', 'dpop', user, request, description);
    }
    if (checkReplayAtResources) await this.replay.assertFirstUseAt(request, proven, useOf(user, request));
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

function useOf({ id: userId, sessionId, clientId, actor }: AuthenticatedUser, request: HttpRequest): ProofUse {
  return { userId, sessionId, clientId, ...(actor && { actor: actor.id }), ...clientContextOf(request) };
}
