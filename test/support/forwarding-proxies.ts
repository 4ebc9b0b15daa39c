import { X509Certificate } from 'node:crypto';

/** What a proxy reads in the certificate of a client. The client chooses all of it but the certificate's hash. */
export interface ShownCertificate {
  /** PEM. */
  readonly cert: string;
  /** The `x5t#S256` of RFC 8705. */
  readonly thumbprint: string;
  readonly commonName?: string;
  /** The subject alternative names, as the certificate has them. */
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
}

/** The options of Envoy: `set_current_client_cert_details`, and the URIs in Envoy's own certificate. */
export interface EnvoyDetails {
  readonly by?: readonly string[];
  readonly cert?: boolean;
  readonly chain?: boolean;
  readonly subject?: boolean;
  readonly uri?: boolean;
  readonly dns?: boolean;
}

/**
 * The element that Envoy writes into `X-Forwarded-Client-Cert`. It escapes the certificate and the subject, but not the
 * subject alternative names.
 */
export function envoyElement(shown: ShownCertificate, details: EnvoyDetails = {}): string {
  const { commonName = 'client', uris = [], dnsNames = [] } = shown;
  const pem = envoyEncoded(pemOf(shown));
  return [
    ...(details.by ?? []).map((uri) => `By=${uri}`),
    `Hash=${Buffer.from(shown.thumbprint, 'base64url').toString('hex')}`,
    ...(details.cert ? [`Cert="${pem}"`] : []),
    ...(details.chain ? [`Chain="${pem}"`] : []),
    ...(details.subject ? [`Subject="CN=${rfc2253(commonName)}"`] : []),
    ...(details.uri ? (uris.length > 0 ? uris : ['']).map((uri) => `URI=${uri}`) : []),
    ...(details.dns ? dnsNames.map((name) => `DNS=${name}`) : []),
  ].join(';');
}

/** The header that Envoy sends with `APPEND_FORWARD`, if the client sent this one. */
export function appendedByEnvoy(sent: string, shown: ShownCertificate, details?: EnvoyDetails): string {
  const element = envoyElement(shown, details);
  return sent === '' ? element : `${sent},${element}`;
}

/** The `$ssl_client_escaped_cert` of nginx. */
export function nginxValue(shown: ShownCertificate): string {
  return pemOf(shown).replace(/[^\w.~-]/g, (character) => `%${Buffer.from(character).toString('hex').toUpperCase()}`);
}

/** The `ssl_c_der,base64` of HAProxy. */
export function haproxyValue({ cert }: ShownCertificate): string {
  return new X509Certificate(cert).raw.toString('base64');
}

/** The value of `Client-Cert` (RFC 9440 §2.2). */
export function rfc9440Value(shown: ShownCertificate): string {
  return `:${haproxyValue(shown)}:`;
}

/** As OpenSSL writes it, with a line break at the end. */
function pemOf({ cert }: ShownCertificate): string {
  return new X509Certificate(cert).toString();
}

function envoyEncoded(pem: string): string {
  return pem
    .replaceAll('\n', '%0A')
    .replaceAll(' ', '%20')
    .replaceAll('+', '%2B')
    .replaceAll('/', '%2F')
    .replaceAll('=', '%3D');
}

/** A value of a distinguished name (RFC 2253 §2.4). */
function rfc2253(value: string): string {
  return value
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/^[# ]|(?<!\\) $/g, '\\$&')
    .replace(/[^ -~]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}
