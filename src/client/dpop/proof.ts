import { base64url } from '../base64url.js';
import type { ProvenRequest } from './dpop-key.js';
import type { DeviceKey } from './key-store.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

/** A key pair whose private key cannot be exported. */
export function generateKey(): Promise<DeviceKey> {
  return crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
}

/** Signs a DPoP proof (RFC 9449 §4.2). */
export async function signProof({ publicKey, privateKey }: DeviceKey, request: ProvenRequest): Promise<string> {
  const { method, url, accessToken, nonce, clockOffset } = request;
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } };
  const claims = {
    // Not `randomUUID`: Safari has it only since version 15.4.
    jti: base64url(crypto.getRandomValues(new Uint8Array(16))),
    htm: method,
    htu: url.replace(/[?#].*/, ''),
    iat: Math.floor((Date.now() + clockOffset) / 1000),
    ath: accessToken && base64url(await crypto.subtle.digest('SHA-256', bytesOf(accessToken))),
    nonce,
  };
  const signed = `${base64url(bytesOf(JSON.stringify(header)))}.${base64url(bytesOf(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytesOf(signed));
  return `${signed}.${base64url(signature)}`;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
