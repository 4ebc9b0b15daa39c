import { createHash, randomUUID } from 'node:crypto';
import {
  calculateJwkThumbprint,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { type Answer, type AuthBody, type Credentials, login, refresh, send } from './http.js';

/** A client's key pair. */
export interface ProofKey {
  algorithm: string;
  privateKey: CryptoKey;
  jwk: JWK;
  /** The `jkt`. */
  thumbprint: string;
}

export async function generateProofKey(algorithm = 'ES256'): Promise<ProofKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { algorithm, privateKey, jwk, thumbprint: await calculateJwkThumbprint(jwk) };
}

export interface ProofClaims {
  htm: string;
  htu: string;
  /** Seconds. */
  iat?: unknown;
  [claim: string]: unknown;
}

/** A proof; `undefined` takes a claim, or a member of the header, away. */
export function signProof(
  { algorithm, privateKey, jwk }: ProofKey,
  claims: ProofClaims,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT({ jti: randomUUID(), ...claims } as JWTPayload)
    .setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk, ...header })
    .sign(privateKey, { crit: { unknown: true } });
}

export function hashOf(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url');
}

/** A client that proves possession of its key, at a server whose clock is known. */
export class DpopClient {
  constructor(
    readonly key: ProofKey,
    readonly url: string,
    private readonly now: () => number,
  ) {}

  proof(method: string, path: string, claims: Record<string, unknown> = {}, header?: Record<string, unknown>) {
    const iat = Math.floor(this.now() / 1000);
    return signProof(this.key, { htm: method, htu: this.url + path, iat, ...claims }, header);
  }

  async login(credentials: Credentials, claims?: Record<string, unknown>): Promise<Answer<AuthBody>> {
    return login(this.url, credentials, { dpop: await this.proof('POST', '/auth/login', claims) });
  }

  async refresh(token: string, claims?: Record<string, unknown>): Promise<Answer<AuthBody>> {
    return refresh(this.url, token, { dpop: await this.proof('POST', '/auth/refresh', claims) });
  }

  /** With an access token, and a proof for it. */
  async get<Body = Record<string, unknown>>(
    path: string,
    accessToken: string,
    claims: Record<string, unknown> = {},
  ): Promise<Answer<Body>> {
    const dpop = await this.proof('GET', path, { ath: hashOf(accessToken), ...claims });
    return send('GET', this.url + path, { headers: { authorization: `DPoP ${accessToken}`, dpop } });
  }
}
