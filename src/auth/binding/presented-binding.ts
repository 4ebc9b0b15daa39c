import { Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { clientContextOf } from '../common/request/client-context.js';
import { headerOf, type HttpRequest, type HttpResponse } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { BindingEvidence } from './binding-evidence.js';
import { BindingConfig } from './binding-options.js';
import type { DpopProof } from './dpop/dpop-proof.js';
import { DpopVerifier } from './dpop/dpop-verifier.js';
import { ProofReplay } from './dpop/proof-replay.js';
import { urlOf } from './dpop/proven-url.js';
import { ClientCertificates } from './tls/client-certificates.js';

/** Characters. A client nonce has 43. */
const LONGEST_CLIENT_NONCE = 256;

/**
 * Finds the evidence of the binding in a request, for sign-in and refresh.
 *
 * @example
 * const evidence = await presentedBinding.of(request, response);
 * return refreshTokens.refresh(token, clientContextOf(request), evidence, tokenUseOf(request));
 */
@Injectable()
export class PresentedBinding {
  constructor(
    private readonly dpop: DpopVerifier,
    private readonly replay: ProofReplay,
    private readonly certificates: ClientCertificates,
    private readonly devices: DeviceRecognition,
    private readonly cookie: RefreshCookie,
    private readonly events: AuthEventBus,
    private readonly config: BindingConfig,
  ) {}

  /**
   * Collects the evidence, and verifies a DPoP proof. It writes nothing to the database.
   *
   * @param response gets the header `DPoP-Nonce` if the nonce in the proof expires soon
   * @throws AuthError `invalid_dpop_proof`, `use_dpop_nonce`, `invalid_request`
   */
  async of(request: HttpRequest, response: HttpResponse): Promise<BindingEvidence> {
    const dpop = await this.proofOf(request);
    if (dpop?.nextNonce !== undefined) response.header('DPoP-Nonce', dpop.nextNonce);
    const { certificates } = this;
    return {
      dpop,
      // Reading the certificate is slow and few sessions need it, so it is read on demand.
      get certificateThumbprint() {
        return certificates.thumbprintOf(request);
      },
      clientNonce: { body: nonceInBody(request.body), cookie: this.cookie.readClientNonce(request) },
      crossSite: !this.cookie.isSameSite(request),
      signals: this.devices.signalsOf(request),
    };
  }

  private async proofOf(request: HttpRequest): Promise<DpopProof | undefined> {
    const proof = headerOf(request, 'dpop');
    if (proof === undefined) return undefined;
    const url = urlOf(request, this.config.dpop.publicUrl);
    try {
      const verified = await this.dpop.verify(proof, { method: request.method, url });
      return { ...verified, isClaimed: this.replay.isClaimedBy(request, verified) };
    } catch (error) {
      if (error instanceof AuthError && error.code === 'invalid_dpop_proof') {
        this.events.publish({ type: 'binding_failed', reason: 'invalid_dpop_proof', ...clientContextOf(request) });
      }
      throw error;
    }
  }
}

function nonceInBody(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'client_nonce')) return undefined;
  const nonce = (body as { client_nonce: unknown }).client_nonce;
  if (typeof nonce !== 'string' || nonce.length > LONGEST_CLIENT_NONCE) {
    throw new AuthError('invalid_request', 'The client nonce must be the string that this server issued.');
  }
  return nonce === '' ? undefined : nonce;
}
