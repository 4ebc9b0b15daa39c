import { BINDING_KINDS, type BindingKind } from './binding-kind.js';
import { BindingOptions, ClientCertificateOptions, DpopOptions, FingerprintOptions } from './binding-options.js';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { AddressRanges } from '../common/request/address-ranges.js';
import { boolean, complete, integer, oneOf, text, texts } from '../common/options/checks.js';
import { durationOption } from '../common/options/duration.js';

/** {@link BindingOptions}, complete and checked; durations in milliseconds. */
export interface ResolvedBinding extends Pick<
  BindingOptions,
  'allowed' | 'required' | 'requiredFor' | 'nonceAtResources'
> {
  dpop: Omit<DpopOptions, 'proofLifetime' | 'nonceLifetime'> & { proofLifetime: number; nonceLifetime: number };
  tls: { trustedProxies: AddressRanges; header: string };
  fingerprint: FingerprintOptions | undefined;
}

export function resolveBinding(given: Partial<BindingOptions>): ResolvedBinding {
  const { allowed, required, requiredFor, nonceAtResources, dpop, tls, fingerprint } = complete(
    'binding',
    new BindingOptions(),
    given,
  );
  const excess = bindingKinds('binding.required', required).find((kind) => !allowed.includes(kind));
  if (excess)
    throw new AuthConfigurationError(`binding.required has '${excess}', which binding.allowed has not. Add it there.`);
  if (requiredFor !== undefined && typeof requiredFor !== 'function') {
    throw new AuthConfigurationError('binding.requiredFor must be a function of the user that gives a list of kinds.');
  }
  return {
    allowed: bindingKinds('binding.allowed', allowed),
    required,
    requiredFor,
    nonceAtResources: boolean('binding.nonceAtResources', nonceAtResources),
    dpop: resolveDpop(complete('binding.dpop', new DpopOptions(), dpop)),
    tls: resolveTls(complete('binding.tls', new ClientCertificateOptions(), tls)),
    fingerprint: fingerprint && resolveFingerprint(fingerprint),
  };
}

const ASYMMETRIC = /^(ES256|ES384|ES512|EdDSA|Ed25519|[PR]S(256|384|512))$/;

function resolveDpop(given: DpopOptions): ResolvedBinding['dpop'] {
  const algorithms = texts('binding.dpop.algorithms', given.algorithms, 'ES256');
  const unfit = algorithms.find((algorithm) => !ASYMMETRIC.test(algorithm));
  if (algorithms.length === 0 || unfit !== undefined) {
    throw new AuthConfigurationError(
      `binding.dpop.algorithms takes asymmetric signatures alone (RFC 9449 §4.2), such as ['ES256', 'EdDSA'].`,
    );
  }
  return {
    algorithms,
    proofLifetime: durationOption('binding.dpop.proofLifetime', given.proofLifetime, '5s', '10m'),
    requireNonce: boolean('binding.dpop.requireNonce', given.requireNonce),
    nonceLifetime: durationOption('binding.dpop.nonceLifetime', given.nonceLifetime, '10s', '1d'),
    publicUrl: publicUrlOf(given.publicUrl),
    replayStore: replayStoreOf(given.replayStore),
    checkReplayAtResources: boolean('binding.dpop.checkReplayAtResources', given.checkReplayAtResources),
  };
}

function publicUrlOf(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && !/[?#]/.test(url)) return url;
  throw new AuthConfigurationError("binding.dpop.publicUrl must be a URL, such as 'https://app.example/api'.");
}

function replayStoreOf(store: DpopOptions['replayStore']): DpopOptions['replayStore'] {
  if (store === undefined || typeof store?.claim === 'function') return store;
  throw new AuthConfigurationError(
    "binding.dpop.replayStore must be a DpopReplayStore, such as redisReplayStore({ url: 'redis://localhost:6379' }).",
  );
}

function resolveTls({ trustedProxies, header }: ClientCertificateOptions): ResolvedBinding['tls'] {
  try {
    return {
      trustedProxies: new AddressRanges(texts('binding.tls.trustedProxies', trustedProxies, '10.0.0.0/8')),
      header: text('binding.tls.header', header).toLowerCase(),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AuthConfigurationError(
      `binding.tls.trustedProxies: ${error.message}. Write such as '10.0.0.0/8' or 'loopback'.`,
    );
  }
}

const MOST_SIGNALS = 10;

function resolveFingerprint(given: NonNullable<BindingOptions['fingerprint']>): FingerprintOptions {
  const { signals, tolerance, onMismatch } = complete('binding.fingerprint', new FingerprintOptions(), given, [
    'signals',
  ]);
  const entries = Object.entries(signals ?? {});
  const sound = entries.every(([name, read]) => /^\w{1,32}$/.test(name) && typeof read === 'function');
  if (!sound || entries.length === 0 || entries.length > MOST_SIGNALS) {
    throw new AuthConfigurationError(
      `binding.fingerprint.signals takes 1 to ${MOST_SIGNALS} functions of the request by name, such as { browser: browserFamily, platform }.`,
    );
  }
  return {
    signals,
    tolerance: integer('binding.fingerprint.tolerance', tolerance, 0, entries.length - 1),
    onMismatch: oneOf('binding.fingerprint.onMismatch', onMismatch, ['allow', 'alert', 'step_up', 'revoke']),
  };
}

/** @throws AuthConfigurationError for anything but a list of kinds */
export function bindingKinds(name: string, value: unknown): BindingKind[] {
  const list = texts(name, value, 'dpop');
  return list.map((kind) => oneOf(name, kind, [...BINDING_KINDS]));
}
