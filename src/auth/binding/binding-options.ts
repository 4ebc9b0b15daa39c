import type { HttpRequest } from '../common/request/http-request.js';
import type { AuthUser } from '../user/user-provider.js';
import type { BindingKind } from './binding-kind.js';
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

/** What happens where a device no longer looks like the one that signed in. */
export type FingerprintPolicy = 'allow' | 'alert' | 'step_up' | 'revoke';

/** Reads one signal from a request; `undefined` where it is not there. */
export type FingerprintSignal = (request: HttpRequest) => string | undefined;

/** How a device is recognised. No proof of anything: whoever knows the signals can send the same. */
export class FingerprintOptions {
  /**
   * What makes it up, by names of your own: `{ browser: browserFamily, platform, device: headerSignal('x-device-id') }`.
   * Only keyed hashes are kept.
   */
  signals: Record<string, FingerprintSignal>;
  /** How many of the signals may differ at a refresh; the new ones are then kept. */
  tolerance = 0;
  /** What happens when more do: no more than the event `device_changed`, an alert, 401 `step_up_required` with the token as good as before, or the end. */
  onMismatch: FingerprintPolicy = 'alert';
}

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
