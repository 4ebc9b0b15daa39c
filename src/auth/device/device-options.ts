import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { integer, oneOf } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import type { HttpRequest } from '../common/request/http-request.js';

/** What happens where a device no longer looks like the one that signed in. */
export type FingerprintPolicy = 'allow' | 'alert' | 'step_up' | 'revoke';

/** Reads one signal from a request; `undefined` where it is not there. */
export type FingerprintSignal = (request: HttpRequest) => string | undefined;

/** The signals of a device, by the names that the options give them. */
export type DeviceSignals = Readonly<Record<string, string | undefined>>;

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
    `${name} takes 1 to ${MOST_SIGNALS} functions of the request by name, such as { browser: browserFamily, platform }.`,
  );
}
