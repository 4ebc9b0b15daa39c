import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { integer, oneOf } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import type { HttpRequest } from '../common/request/http-request.js';

/** What happens if a device no longer looks like the device that signed in. */
export type FingerprintPolicy = 'allow' | 'alert' | 'step_up' | 'revoke';

/** Reads one signal from a request; `undefined` if the request does not have it. */
export type FingerprintSignal = (request: HttpRequest) => string | undefined;

/** The signals of a device, by the names that the options give them. */
export type DeviceSignals = Readonly<Record<string, string | undefined>>;

/** How a device is recognised. This proves nothing: anyone who knows the signals can send the same. */
export class FingerprintOptions {
  /**
   * The signals of a device, by names of your own. From 1 to 10. Only keyed hashes of them are stored.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   binding: { fingerprint: { signals: { browser: browserFamily, platform, device: headerSignal('x-device-id') } } },
   * });
   */
  signals: Record<string, FingerprintSignal>;
  /** How many of the signals may differ at a refresh. The new values are then stored. A whole number from 0, less than the number of signals. */
  tolerance = 0;
  /**
   * What happens when more signals differ. `'allow'` only publishes the event `device_changed`; `'alert'` makes it an alert.
   * `'step_up'` answers 401 `step_up_required`, and the token stays good. `'revoke'` ends the session.
   */
  onMismatch: FingerprintPolicy = 'alert';
}

export class FingerprintConfig extends configOf('binding.fingerprint.', FingerprintOptions, {
  signals: checkedSignals,
  tolerance: (name, given, { signals }) => integer(0, Object.keys(signals).length - 1)(name, given),
  onMismatch: oneOf('allow', 'alert', 'step_up', 'revoke'),
}) {}

const MOST_SIGNALS = 10;

function checkedSignals(name: string, signals: FingerprintOptions['signals']): FingerprintOptions['signals'] {
  const entries = Object.entries(signals ?? {});
  const sound = entries.every(([name, read]) => /^\w{1,32}$/.test(name) && typeof read === 'function');
  if (sound && entries.length > 0 && entries.length <= MOST_SIGNALS) return signals;
  throw new AuthConfigurationError(
    `${name} takes 1 to ${MOST_SIGNALS} functions of the request by name, for example { browser: browserFamily, platform }.`,
  );
}
