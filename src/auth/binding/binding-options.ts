import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { boolean, oneOf, text, texts } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';
import { AddressRanges } from '../common/request/address-ranges.js';
import { FingerprintConfig, type FingerprintOptions } from '../device/device-options.js';
import type { AuthUser } from '../user/user-provider.js';
import { BINDING_KINDS, type BindingKind } from './binding-kind.js';
import type { DpopReplayStore } from './dpop/dpop-replay-store.js';

/** Proofs of possession (RFC 9449). */
export class DpopOptions {
  /** The signatures that are accepted; all of them asymmetric. */
  algorithms: string[] = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
  /** By how much the time in a proof may differ from the server's; for so long a proof is remembered. `'5s'` to `'10m'`. */
  proofLifetime = '60s';
  /** Whether each proof must carry a nonce of this server, so that none can be made beforehand (RFC 9449 §8). */
  requireNonce = false;
  /** How often the server's nonce changes; the one before is still accepted. `'10s'` to `'1d'`. */
  nonceLifetime = '5m';
  /**
   * The URL under which clients know this server: `'https://app.example/api'`. Without it scheme and host are those of the
   * request, as far as the host application trusts its proxies, and a proof made for another server could be used here by it.
   */
  publicUrl?: string = undefined;
  /**
   * Remembers which proofs have been used, for all instances: `redisReplayStore({ url })`; else the database does. While it is
   * away the database remembers, and proofs that may have been used before are answered with 503.
   */
  replayStore?: DpopReplayStore = undefined;
  /** Whether a proof is good for one request on guarded routes, too. It costs one write a request. */
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

/** Client certificates (RFC 8705). That of the connection itself needs no option. */
export class ClientCertificateOptions {
  /** The proxies that end TLS before this server and may name the certificate: addresses, ranges, `'loopback'`. */
  trustedProxies: string[] = [];
  /**
   * The header in which they do: Envoy's `X-Forwarded-Client-Cert`, nginx's `$ssl_client_escaped_cert` (PEM, URL-encoded), or
   * the `Client-Cert` of RFC 9440. The proxy must remove it from what clients send.
   */
  header = 'x-forwarded-client-cert';
}

export class ClientCertificateConfig extends configOf('binding.tls.', ClientCertificateOptions, {
  trustedProxies: addressRanges,
  header: (name, given) => text()(name, given).toLowerCase(),
}) {}

/** Binding a session to its device, client or key. */
export class BindingOptions {
  /** What a client may ask for at login. */
  allowed: BindingKind[] = ['dpop', 'tls', 'nonce'];
  /** What every session must be bound by; a nonce is then given unasked. */
  required: BindingKind[] = [];
  /** What the sessions of a user must be bound by, beside that. */
  requiredFor?: (user: AuthUser) => BindingKind[] | Promise<BindingKind[]> = undefined;
  /**
   * Whether the access tokens of sessions whose client nonce is in a cookie need that cookie on guarded routes, too: one
   * that is stolen is then worth nothing without it (OWASP JSON Web Token Cheat Sheet, token sidejacking).
   */
  nonceAtResources = false;
  dpop: Partial<DpopOptions> = {};
  tls: Partial<ClientCertificateOptions> = {};
  /** `undefined`: devices are not recognised. */
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
  throw new AuthConfigurationError(`${name} has '${excess}', which binding.allowed has not. Add it there.`);
}

function checkedRequiredFor(
  name: string,
  requiredFor: BindingOptions['requiredFor'],
): NonNullable<BindingOptions['requiredFor']> | undefined {
  if (requiredFor === undefined || typeof requiredFor === 'function') return requiredFor;
  throw new AuthConfigurationError(`${name} must be a function of the user that gives a list of kinds.`);
}

const ASYMMETRIC = /^(ES256|ES384|ES512|EdDSA|Ed25519|[PR]S(256|384|512))$/;

function asymmetricAlgorithms(name: string, given: string[]): string[] {
  const algorithms = texts('ES256')(name, given);
  if (algorithms.length > 0 && algorithms.every((algorithm) => ASYMMETRIC.test(algorithm))) return algorithms;
  throw new AuthConfigurationError(
    `${name} takes asymmetric signatures alone (RFC 9449 §4.2), such as ['ES256', 'EdDSA'].`,
  );
}

function checkedUrl(name: string, url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && !/[?#]/.test(url)) return url;
  throw new AuthConfigurationError(`${name} must be a URL, such as 'https://app.example/api'.`);
}

function checkedReplayStore(name: string, store: DpopReplayStore | undefined): DpopReplayStore | undefined {
  if (store === undefined || typeof store?.claim === 'function') return store;
  throw new AuthConfigurationError(
    `${name} must be a DpopReplayStore, such as redisReplayStore({ url: 'redis://localhost:6379' }).`,
  );
}

function addressRanges(name: string, given: string[]): AddressRanges {
  try {
    return new AddressRanges(texts('10.0.0.0/8')(name, given));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AuthConfigurationError(`${name}: ${error.message}. Write such as '10.0.0.0/8' or 'loopback'.`);
  }
}
