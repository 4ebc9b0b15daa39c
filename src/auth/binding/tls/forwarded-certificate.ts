import { X509Certificate } from 'node:crypto';
import { sha256 } from '../../common/crypto/sha256.js';

/** Anchored at both ends. So it does not match if a proxy appended the certificate to text that the client sent. */
const ONE_CERTIFICATE = /^-----BEGIN CERTIFICATE-----([\w+/=\s]+)-----END CERTIFICATE-----$/;

/**
 * The thumbprint of the client certificate that a proxy names in a header, in any of the common formats:
 *
 * - Envoy's `X-Forwarded-Client-Cert`: the `Cert` or `Hash` of the last element, which the nearest proxy appended;
 * - nginx's `$ssl_client_escaped_cert`: PEM, URL-encoded;
 * - `Client-Cert` (RFC 9440): DER in base64 between colons.
 *
 * The function recognises the format from the text. If a proxy appends to a header that the client sent, only the first
 * format can match.
 *
 * @returns base64url of SHA-256; `undefined` if the header holds no valid certificate
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

/** Matches `Key=value`. A value in double quotes may contain commas, semicolons, and quotes escaped by a backslash. */
const PAIR = /\s*(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))([,;]|$)/y;

/**
 * The element after the last comma. If any part of the header is malformed, the whole header is ignored, because the
 * client may have sent that part.
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
