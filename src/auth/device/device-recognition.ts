import { Injectable, Logger } from '@nestjs/common';
import type { Keys } from '../common/crypto/key-ring.js';
import { escapeControls } from '../common/logging/escape-controls.js';
import type { HttpRequest } from '../common/request/http-request.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { compareDevice, type DeviceComparison, fingerprintOf } from './device-fingerprint.js';
import type { DeviceSignals, FingerprintConfig, FingerprintPolicy, FingerprintSignal } from './device-options.js';

/** Recognises devices, where the options say by what. */
@Injectable()
export class DeviceRecognition {
  private readonly logger = new Logger(DeviceRecognition.name);
  private readonly failing = new Set<string>();

  /** @param config `undefined`: devices are not recognised */
  constructor(private readonly config: FingerprintConfig | undefined) {}

  /** What happens when a device has changed; `undefined` where devices are not recognised. */
  get onMismatch(): FingerprintPolicy | undefined {
    return this.config?.onMismatch;
  }

  /** `undefined` where devices are not recognised. */
  signalsOf(request: HttpRequest): DeviceSignals | undefined {
    if (!this.config) return undefined;
    const { signals } = this.config;
    return Object.fromEntries(Object.keys(signals).map((name) => [name, this.signalOf(signals, name, request)]));
  }

  /** What the row is to keep of a device; `null` where devices are not recognised. */
  fingerprintOf(sessionId: string, keys: Keys, signals: DeviceSignals | undefined): string | null {
    return signals ? fingerprintOf(signals, sessionId, keys) : null;
  }

  /** What the row is to keep from now on: the device as it is. Without signals, as in a refresh without HTTP, what it has. */
  renewed(
    { id, fingerprint, keyId }: RefreshToken,
    device: DeviceComparison,
    keys: Keys,
    signals: DeviceSignals | undefined,
  ): string | null {
    // Its hashes are worth nothing under other keys: the next request with signals makes the device known anew.
    if (!signals) return keyId === keys.id ? fingerprint : null;
    const unchanged = fingerprint !== null && device === 'same' && keyId === keys.id;
    return unchanged ? fingerprint : fingerprintOf(signals, id, keys);
  }

  compare({ id, fingerprint }: RefreshToken, keys: Keys, signals: DeviceSignals | undefined): DeviceComparison {
    if (!signals || fingerprint === null) return 'same';
    const { tolerance } = this.config!;
    return compareDevice(fingerprint, signals, { sessionId: id, keys, tolerance });
  }

  /** A signal that cannot be read is one that is not there. */
  private signalOf(signals: Record<string, FingerprintSignal>, name: string, request: HttpRequest): string | undefined {
    try {
      return signals[name](request);
    } catch (error) {
      // What cannot be read is what a client has sent, and the message may quote it.
      if (!this.failing.has(name))
        this.logger.error(escapeControls(`The signal "${name}" cannot be read: ${String(error)}`));
      this.failing.add(name);
      return undefined;
    }
  }
}
