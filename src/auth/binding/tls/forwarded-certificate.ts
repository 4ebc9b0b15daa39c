import { X509Certificate } from 'node:crypto';
import { sha256 } from '../../common/crypto/sha256.js';

/** The whole value: if a proxy adds to a value of the client, the result does not match. */
const ONE_CERTIFICATE = /^-----BEGIN CERTIFICATE-----([\w+/=\s]+)-----END CERTIFICATE-----$/;

/**
 * The thumbprint of the client certificate that a proxy names in a header. The header has one of three forms:
 *
 * - Envoy's `X-Forwarded-Client-Cert`: the `Cert` or the `Hash` of the last element, which the nearest proxy has added.
 * - nginx's `$ssl_client_escaped_cert`: PEM, URL-encoded.
 * - `Client-Cert` (RFC 9440): DER in base64 between colons.
 *
 * The value itself tells its form. If a proxy adds to a value that the client sent, the result always has the first form.
 *
 * @returns base64url of SHA-256; `undefined` if the header names no certificate
 */
export function forwardedThumbprint(header: string): string | undefined {
  const text = header.trim();
  if (/^:[\w+/=]+:$/.test(text)) return thumbprintOf(Buffer.from(text.slice(1, -1), 'base64'));
  if (/^(-----BEGIN|%2D%2D)/i.test(text)) return thumbprintOfPem(text);
  return thumbprintOfElement(lastElement(text));
}

function thumbprintOfElement(element: ReadonlyMap<string, string> | undefined): string | undefined {
  const pem = element?.get('cert');
  if (pem !== undefined) return thumbprintOfPem(pem);
  const hash = element?.get('hash') ?? '';
  return /^[\da-f]{64}$/i.test(hash) ? Buffer.from(hash, 'hex').toString('base64url') : undefined;
}

function thumbprintOfPem(escaped: string): string | undefined {
  let pem: string;
  try {
    pem = decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
  const [, base64] = ONE_CERTIFICATE.exec(pem.trim()) ?? [];
  return base64 === undefined ? undefined : thumbprintOf(Buffer.from(base64, 'base64'));
}

function thumbprintOf(der: Buffer): string | undefined {
  try {
    const { raw } = new X509Certificate(der);
    return raw.equals(der) ? sha256(raw) : undefined;
  } catch {
    return undefined;
  }
}

/** `Key=value`; a value between double quotes may hold commas and semicolons, and quotes after a backslash. */
const PAIR = /\s*(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))([,;]|$)/y;

/**
 * What stands after the last comma. A header that strays from the form anywhere counts for nothing: what a client has sent
 * may stand before it.
 */
function lastElement(text: string): ReadonlyMap<string, string> | undefined {
  let element = new Map<string, string>();
  let end = ',';
  for (PAIR.lastIndex = 0; end !== '';) {
    const pair = PAIR.exec(text);
    if (!pair) return undefined;
    if (end === ',') element = new Map();
    element.set(pair[1].toLowerCase(), pair[2]?.replace(/\\(.)/g, '$1') ?? pair[3]);
    end = pair[4];
  }
  return element;
}
