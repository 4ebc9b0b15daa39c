import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { decodeJwt, type JWTPayload } from 'jose';
import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import { sha256 } from '../../common/crypto/sha256.js';
import { AuthError, type AuthErrorDetails } from '../../common/errors/auth-error.js';
import { TlsConfig } from '../../common/request/tls.js';
import { Clock } from '../../common/time/clock.js';
import { BindingConfig } from '../binding-options.js';
import { DpopNonces } from './dpop-nonces.js';
import type { DpopProof } from './dpop-proof.js';
import { type ProofKey, ProofHeaderError, ProofKeys } from './proof-keys.js';
import { provesUrl } from './proven-url.js';
import { isSignedBy } from './signature-algorithms.js';

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
  private readonly keys: ProofKeys;

  constructor(
    private readonly nonces: DpopNonces,
    private readonly clock: Clock,
    private readonly config: BindingConfig,
    private readonly tls: TlsConfig,
  ) {
    this.keys = new ProofKeys(config.dpop.algorithms);
  }

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
    const { thumbprint, claims } = this.verifySignature(proof);
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

  private verifySignature(proof: string): { thumbprint: string; claims: JWTPayload } {
    if (proof.length > LONGEST_PROOF) throw invalid('it is too long');
    const parts = proof.split('.');
    if (parts.length !== 3 || !parts.every(isBase64url)) throw invalid('it is not a signed JWT');
    const [header, payload, signature] = parts;
    const { key, algorithm, thumbprint } = this.keyOf(header);
    if (!isSignedBy(key, algorithm, `${header}.${payload}`, Buffer.from(signature, 'base64url'))) {
      throw invalid('the signature');
    }
    return { thumbprint, claims: claimsOf(proof) };
  }

  private keyOf(header: string): ProofKey {
    try {
      return this.keys.keyOf(header);
    } catch (error) {
      throw error instanceof ProofHeaderError ? invalid(error.message) : error;
    }
  }

  /** Checks the claims. Returns the time at which the proof was made, in milliseconds. */
  private assertClaims(claims: JWTPayload, { method, url, accessToken }: ProvenRequest): number {
    const { jti, iat, htm, htu, ath, exp, nbf } = claims;
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
    const now = Math.floor(serverTime / 1000);
    if (exp !== undefined && !(typeof exp === 'number' && exp > now)) throw invalid('exp');
    if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= now)) throw invalid('nbf');
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

/** In the one form without padding, spaces and unused bits (RFC 7515 §2). So a proof cannot be written differently. */
function isBase64url(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text;
}

function claimsOf(proof: string): JWTPayload {
  try {
    return decodeJwt(proof);
  } catch {
    throw invalid('the claims are not a JSON object');
  }
}
