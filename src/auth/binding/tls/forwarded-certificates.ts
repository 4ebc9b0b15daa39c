import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { sha256 } from '../../common/crypto/sha256.js';
import { BindingConfig } from '../binding-options.js';

/** What one proxy says of its client. */
interface ForwardedElement {
  readonly hash?: string;
  /** PEM, URL-encoded. */
  readonly cert?: string;
}

/** Envoy does not quote these values, whatever is in them. So one that needs quotes is ambiguous. */
const UNQUOTED = String.raw`[^\s",;=]*`;
/** The pairs that hold nothing of the client's choice. */
const SAFE_PAIRS = [
  `By=${UNQUOTED}`,
  String.raw`Hash=(?<hash>[\da-f]{64})`,
  String.raw`Cert="(?<cert>-----BEGIN[\w%-]+)"`,
  String.raw`Chain="[\w%-]*"`,
];
/** The pairs whose values the client writes into its certificate. They come last, so that they hide no other pair. */
const CHOSEN_PAIRS = [String.raw`Subject="(?:[^"\\]|\\.)*"`, `URI=${UNQUOTED}`, `DNS=${UNQUOTED}`];

const ELEMENT = elementOf([...SAFE_PAIRS, ...CHOSEN_PAIRS]);
const APPENDED_ELEMENT = elementOf(SAFE_PAIRS);

/**
 * Reads the header in which a proxy names the certificate of its client, in any of the common formats:
 *
 * - Envoy's `X-Forwarded-Client-Cert`: one element, with a `Hash`, a `Cert`, or both;
 * - nginx's `$ssl_client_escaped_cert`: PEM, URL-encoded;
 * - HAProxy's `ssl_c_der,base64`: DER in base64;
 * - `Client-Cert` (RFC 9440 §2.2): the same between colons.
 *
 * The header must be exactly what such a proxy writes, because the client may have chosen any other part. The format is
 * recognized from the text. If proxies append to the header, only Envoy's format can be told from what they append to.
 */
@Injectable()
export class ForwardedCertificates {
  /**
   * Thumbprints by certificate, because parsing one is slow. Invalid ones are not kept: they are refused quickly, and
   * would take the place of those that clients use.
   */
  private readonly thumbprints = new LRUCache<string, string>({ max: 1000 });

  constructor(private readonly config: BindingConfig) {}

  /** @returns base64url of SHA-256; `undefined` if the header is not exactly one certificate */
  thumbprintIn(header: string): string | undefined {
    const { appendingProxies } = this.config.tls;
    const element = appendingProxies ? lastElement(header) : elementIn(header, ELEMENT);
    if (element) return this.ofElement(element);
    return appendingProxies ? undefined : this.ofCertificate(header);
  }

  private ofElement({ hash, cert }: ForwardedElement): string | undefined {
    const hashed = hash && Buffer.from(hash, 'hex').toString('base64url');
    if (cert === undefined) return hashed;
    const thumbprint = this.ofCertificate(cert);
    return hashed === undefined || hashed === thumbprint ? thumbprint : undefined;
  }

  private ofCertificate(text: string): string | undefined {
    const known = this.thumbprints.get(text);
    if (known !== undefined) return known;
    const thumbprint = thumbprintOf(text);
    if (thumbprint !== undefined) this.thumbprints.set(text, thumbprint);
    return thumbprint;
  }
}

/** Matches an element after a semicolon. Each pair occurs at most once, in the order in which Envoy writes them. */
function elementOf(pairs: readonly string[]): RegExp {
  return new RegExp(`^${pairs.map((pair) => `(?:;${pair})?`).join('')}$`);
}

function elementIn(text: string, pattern: RegExp): ForwardedElement | undefined {
  const { hash, cert } = pattern.exec(`;${text}`)?.groups ?? {};
  return hash === undefined && cert === undefined ? undefined : { hash, cert };
}

/** Each element must be valid, even though only the last one counts. */
function lastElement(header: string): ForwardedElement | undefined {
  let last: ForwardedElement | undefined;
  for (const text of header.split(',')) {
    last = elementIn(text, APPENDED_ELEMENT);
    if (!last) return undefined;
  }
  return last;
}

/** Writing the certificate again must give the same text. So nothing else is in it, and each has one spelling. */
function thumbprintOf(text: string): string | undefined {
  const isPem = text.startsWith('-----BEGIN');
  try {
    const certificate = new X509Certificate(
      isPem ? decodeURIComponent(text) : Buffer.from(text.replaceAll(':', ''), 'base64'),
    );
    const [pem, base64] = [certificate.toString(), certificate.raw.toString('base64')];
    const written = isPem ? [pem, pem.trimEnd()].map(encodeURIComponent) : [base64, `:${base64}:`];
    return written.includes(text) ? sha256(certificate.raw) : undefined;
  } catch {
    return undefined;
  }
}
