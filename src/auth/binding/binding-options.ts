import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { assertTrimmed, boolean, oneOf, text, texts } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';
import { AddressRanges } from '../common/request/address-ranges.js';
import { FingerprintConfig, type FingerprintOptions } from '../device/device-options.js';
import type { AuthUser } from '../user/user-provider.js';
import { BINDING_KINDS, type BindingKind } from './binding-kind.js';
import type { DpopReplayStore } from './dpop/dpop-replay-store.js';
import { SIGNATURE_ALGORITHMS } from './dpop/signature-algorithms.js';

/** Proofs of possession (RFC 9449). */
export class DpopOptions {
  /** The signature algorithms that a proof may have. All are asymmetric (RFC 9449 §4.2). */
  algorithms: string[] = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
  /** How far the time in a proof may differ from that of the server. A used proof is remembered for this time. */
  proofLifetime = '60s';
  /** Whether each proof must carry a nonce of this server, so that nobody can make proofs in advance (RFC 9449 §8). */
  requireNonce = false;
  /** How often the nonce of the server changes. The one before it is still accepted. */
  nonceLifetime = '5m';
  /**
   * The URL under which clients know this server: for example `'https://app.example/api'`. By default scheme and host
   * are those of the request. Set it in production: otherwise a server that got a proof for itself could use it here.
   */
  publicUrl?: string = undefined;
  /**
   * Remembers used proofs for all instances, for example `redisReplayStore({ url })`. By default the database does.
   * While this store is unavailable the database remembers, and a proof that may have been used before is answered with
   * 503.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   binding: { dpop: { replayStore: redisReplayStore({ url: 'redis://localhost:6379' }) } },
   * });
   */
  replayStore?: DpopReplayStore = undefined;
  /** Whether a proof is good for one request only on guarded routes too. It costs one write per request. */
  checkReplayAtResources = true;
}

export class DpopConfig extends configOf('binding.dpop.', DpopOptions, {
  algorithms: asymmetricAlgorithms,
  proofLifetime: duration('5s', '10m'),
  requireNonce: boolean,
  nonceLifetime: duration('10s', '1d'),
  publicUrl: checkedUrl,
  replayStore: checkedReplayStore,
  checkReplayAtResources: boolean,
}) {}

/** TLS client certificates (RFC 8705). The certificate of the connection itself needs no option. */
export class ClientCertificateOptions {
  /**
   * The proxies that end TLS and may name the certificate of the client: addresses, ranges, or `'loopback'`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, binding: { tls: { trustedProxies: ['10.0.0.0/8', 'loopback'] } } });
   */
  trustedProxies: string[] = [];
  /**
   * The header in which they name it. Its value is that of Envoy's `X-Forwarded-Client-Cert`, of nginx's
   * `$ssl_client_escaped_cert` (PEM, URL-encoded), of HAProxy's `ssl_c_der,base64`, or of `Client-Cert` (RFC 9440). The
   * proxy must remove this header from the requests of clients.
   */
  header = 'x-forwarded-client-cert';
  /**
   * Whether the proxies append to the header of the client instead of replacing it, as Envoy does with
   * `APPEND_FORWARD`. The last element then counts: it names the client of the nearest proxy. By default a header with
   * more than one element is refused.
   *
   * Such a proxy must not forward `uri`, `dns` or `subject`, but only `cert` or `chain`. Envoy does not quote the names
   * in a certificate, so a client could write a last element into its own. A header is refused if one of the three is
   * seen in it, but a client can hide them.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   binding: { tls: { trustedProxies: ['10.0.0.0/8'], appendingProxies: true } },
   * });
   */
  appendingProxies = false;
}

export class ClientCertificateConfig extends configOf('binding.tls.', ClientCertificateOptions, {
  trustedProxies: addressRanges,
  header: (name, given) => text()(name, given).toLowerCase(),
  appendingProxies: boolean,
}) {}

/** Binding a session to a key, a certificate, a second secret of the client, or a device. */
export class BindingOptions {
  /** The bindings that a client may ask for at login: `'dpop'`, `'tls'`, `'nonce'`. */
  allowed: BindingKind[] = ['dpop', 'tls', 'nonce'];
  /** The bindings that every session must have. With `'nonce'`, a login gets a client nonce without asking. */
  required: BindingKind[] = [];
  /**
   * The bindings that the sessions of a given user must have in addition.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   binding: { requiredFor: (user) => (user.roles.includes('admin') ? ['dpop'] : []) },
   * });
   */
  requiredFor?: (user: AuthUser) => BindingKind[] | Promise<BindingKind[]> = undefined;
  /**
   * Whether guarded routes ask for the cookie of the client nonce, if the session has one. A stolen access token is
   * then worth nothing without the cookie (OWASP JSON Web Token Cheat Sheet, token sidejacking).
   */
  nonceAtResources = false;
  /** The options of DPoP proofs. */
  dpop: Partial<DpopOptions> = {};
  /** The options of TLS client certificates. */
  tls: Partial<ClientCertificateOptions> = {};
  /** How devices are recognised. By default they are not. */
  fingerprint?: Pick<FingerprintOptions, 'signals'> & Partial<FingerprintOptions> = undefined;
}

export class BindingConfig extends configOf('binding.', BindingOptions, {
  allowed: bindingKinds,
  required: requiredKinds,
  requiredFor: checkedRequiredFor,
  nonceAtResources: boolean,
  dpop: (_name, given) => new DpopConfig(given),
  tls: (_name, given) => new ClientCertificateConfig(given),
  fingerprint: (_name, given) => given && new FingerprintConfig(given),
}) {}

/** @throws AuthConfigurationError for anything but a list of kinds */
export function bindingKinds(name: string, value: unknown): BindingKind[] {
  return texts('dpop')(name, value).map((kind) => oneOf(...BINDING_KINDS)(name, kind));
}

function requiredKinds(name: string, given: BindingKind[], { allowed }: BindingOptions): BindingKind[] {
  const required = bindingKinds(name, given);
  const excess = required.find((kind) => !allowed.includes(kind));
  if (excess === undefined) return required;
  throw new AuthConfigurationError(`${name} has '${excess}', but binding.allowed does not. Add it to binding.allowed.`);
}

function checkedRequiredFor(
  name: string,
  requiredFor: BindingOptions['requiredFor'],
): NonNullable<BindingOptions['requiredFor']> | undefined {
  if (requiredFor === undefined || typeof requiredFor === 'function') return requiredFor;
  throw new AuthConfigurationError(`${name} must be a function that takes the user and returns a list of kinds.`);
}

function asymmetricAlgorithms(name: string, given: string[]): string[] {
  const algorithms = texts('ES256')(name, given);
  if (algorithms.length > 0 && algorithms.every((algorithm) => SIGNATURE_ALGORITHMS.has(algorithm))) return algorithms;
  throw new AuthConfigurationError(
    `${name} takes only asymmetric algorithms (RFC 9449 §4.2), for example ['ES256', 'EdDSA'].`,
  );
}

function checkedUrl(name: string, url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  assertTrimmed(name, String(url));
  const { protocol = '', username, password, href } = URL.canParse(url) ? new URL(url) : ({} as Partial<URL>);
  // In the form in which clients write it: with the name of the host in ASCII.
  if (/^https?:$/.test(protocol) && !username && !password && !/[?#]/.test(url)) return href;
  throw new AuthConfigurationError(`${name} must be a URL, for example 'https://app.example/api'.`);
}

function checkedReplayStore(name: string, store: DpopReplayStore | undefined): DpopReplayStore | undefined {
  if (store === undefined || typeof store?.claim === 'function') return store;
  throw new AuthConfigurationError(
    `${name} must be a DpopReplayStore, for example redisReplayStore({ url: 'redis://localhost:6379' }).`,
  );
}

function addressRanges(name: string, given: string[]): AddressRanges {
  try {
    return new AddressRanges(texts('10.0.0.0/8')(name, given));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AuthConfigurationError(`${name}: ${error.message}. Write for example '10.0.0.0/8' or 'loopback'.`);
  }
}
