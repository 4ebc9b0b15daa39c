import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import { sha256 } from '../../common/crypto/sha256.js';
import { AuthError, type AuthErrorDetails } from '../../common/errors/auth-error.js';
import { TlsConfig } from '../../common/request/tls.js';
import { Clock } from '../../common/time/clock.js';
import { BindingConfig } from '../binding-options.js';
import { DpopNonces } from './dpop-nonces.js';
import type { DpopProof } from './dpop-proof.js';
import { ProofKeys } from './proof-keys.js';
import { provesUrl } from './proven-url.js';

/** The request that the proof must match. */
export interface ProvenRequest {
  readonly method: string;
  /**
   * The URL; its query and fragment are ignored. `undefined` if the request has no URL that a proof could name: no
   * proof is valid then.
   */
  readonly url: string | undefined;
  /** The access token that the request presents, on resource routes. The proof must contain its hash (`ath`). */
  readonly accessToken?: string;
}

/** Characters. Even a proof with an RSA key is shorter. */
const LONGEST_PROOF = 8192;
const LONGEST_JTI = 256;

/**
 * Verifies DPoP proofs (RFC 9449 §4.3). It stores nothing: {@link ProofReplay} checks whether a proof has been used
 * before.
 *
 * @example
 * const { thumbprint } = await verifier.verify(proof, { method: 'POST', url: 'https://server.example/token' });
 */
@Injectable()
export class DpopVerifier implements OnModuleInit {
  private readonly keys = new ProofKeys();

  constructor(
    private readonly nonces: DpopNonces,
    private readonly clock: Clock,
    private readonly config: BindingConfig,
    private readonly tls: TlsConfig,
  ) {}

  onModuleInit(): void {
    const { allowed, dpop } = this.config;
    if (!this.tls.requireTls || !allowed.includes('dpop') || dpop.publicUrl !== undefined) return;
    new Logger(DpopVerifier.name).warn(
      'binding.dpop.publicUrl is not set: DPoP proofs are checked against the host that each request names. Set it to the URL ' +
        'under which clients know this server.',
    );
  }

  /** @throws AuthError `invalid_dpop_proof`, `use_dpop_nonce` */
  async verify(proof: string, request: ProvenRequest): Promise<DpopProof> {
    const { thumbprint, claims } = await this.verifySignature(proof);
    const issuedAt = this.assertClaims(claims, request);
    const nextNonce = this.config.dpop.requireNonce ? this.assertNonce(claims.nonce) : undefined;
    return {
      thumbprint,
      id: sha256(`${thumbprint}.${claims.jti}`),
      issuedAt,
      lifetime: issuedAt + this.config.dpop.proofLifetime - this.clock.now(),
      nextNonce,
    };
  }

  private async verifySignature(proof: string): Promise<{ thumbprint: string; claims: JWTPayload }> {
    if (proof.length > LONGEST_PROOF) throw invalid('it is too long');
    let thumbprint = '';
    try {
      const { payload } = await jwtVerify(
        proof,
        async (header) => {
          const known = await this.keys.keyOf(header);
          thumbprint = known.thumbprint;
          return known.key;
        },
        {
          typ: 'dpop+jwt',
          algorithms: this.config.dpop.algorithms,
          currentDate: new Date(this.clock.now()),
        },
      );
      return { thumbprint, claims: payload };
    } catch (error) {
      throw invalid(flawOf(error));
    }
  }

  /** Checks the claims. Returns the time at which the proof was made, in milliseconds. */
  private assertClaims(claims: JWTPayload, { method, url, accessToken }: ProvenRequest): number {
    const { jti, iat, htm, htu, ath } = claims;
    if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) throw invalid('jti');
    if (htm !== method) throw invalid('htm is not the method of this request');
    if (typeof htu !== 'string' || url === undefined || !provesUrl(htu, url)) {
      throw invalid('htu is not the URL of this request');
    }
    // A NumericDate may have a fraction (RFC 7519 §2), but the column holds whole milliseconds.
    const issuedAt = typeof iat === 'number' ? Math.round(iat * 1000) : NaN;
    const serverTime = this.clock.now();
    if (!(Math.abs(serverTime - issuedAt) <= this.config.dpop.proofLifetime)) {
      throw invalid('iat is too far from the time of this server', { serverTime });
    }
    if (accessToken !== undefined && !(typeof ath === 'string' && equalInConstantTime(ath, sha256(accessToken)))) {
      throw invalid('ath is not the hash of the access token');
    }
    return issuedAt;
  }

  private assertNonce(nonce: unknown): string | undefined {
    if (typeof nonce !== 'string' || !this.nonces.accepts(nonce)) {
      throw new AuthError('use_dpop_nonce', undefined, { dpopNonce: this.nonces.current() });
    }
    return this.nonces.isCurrent(nonce) ? undefined : this.nonces.current();
  }
}

function invalid(flaw: string, details?: AuthErrorDetails): AuthError {
  return new AuthError('invalid_dpop_proof', `The DPoP proof is not valid: ${flaw}.`, details);
}

/** Describes the error without quoting the proof. */
function flawOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return /^\w+$/.test(error.claim) ? error.claim : 'a claim';
  if (error instanceof errors.JWTExpired) return 'exp';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'alg';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the signature';
  return 'it is not a signed dpop+jwt with a public jwk';
}
