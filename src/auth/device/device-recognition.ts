import { Injectable, Logger } from '@nestjs/common';
import type { Keys } from '../common/crypto/key-ring.js';
import { escapeControls } from '../common/logging/escape-controls.js';
import type { HttpRequest } from '../common/request/http-request.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { compareDevice, type DeviceComparison, fingerprintOf } from './device-fingerprint.js';
import type { DeviceSignals, FingerprintConfig, FingerprintPolicy, FingerprintSignal } from './device-options.js';

/** Recognises devices, if the option `binding.fingerprint` is set. */
@Injectable()
export class DeviceRecognition {
  private readonly logger = new Logger(DeviceRecognition.name);
  private readonly failing = new Set<string>();

  /** @param config `undefined` turns device recognition off */
  constructor(private readonly config: FingerprintConfig | undefined) {}

  /** The policy for a changed device; `undefined` if device recognition is off. */
  get onMismatch(): FingerprintPolicy | undefined {
    return this.config?.onMismatch;
  }

  /** The signals of the device; `undefined` if device recognition is off. */
  signalsOf(request: HttpRequest): DeviceSignals | undefined {
    if (!this.config) return undefined;
    const { signals } = this.config;
    return Object.fromEntries(Object.keys(signals).map((name) => [name, this.signalOf(signals, name, request)]));
  }

  /** The fingerprint to store; `null` if device recognition is off. */
  fingerprintOf(sessionId: string, keys: Keys, signals: DeviceSignals | undefined): string | null {
    return signals ? fingerprintOf(signals, sessionId, keys) : null;
  }

  /**
   * The new fingerprint after a refresh. Without signals, for example in a refresh without HTTP, the stored one is
   * kept.
   */
  renewed(
    { id, fingerprint, keyId }: RefreshToken,
    device: DeviceComparison,
    keys: Keys,
    signals: DeviceSignals | undefined,
  ): string | null {
    // Its hashes are useless under other keys. The next request with signals creates a new fingerprint.
    if (!signals) return keyId === keys.id ? fingerprint : null;
    const unchanged = fingerprint !== null && device === 'same' && keyId === keys.id;
    return unchanged ? fingerprint : fingerprintOf(signals, id, keys);
  }

  compare({ id, fingerprint }: RefreshToken, keys: Keys, signals: DeviceSignals | undefined): DeviceComparison {
    if (!signals || fingerprint === null) return 'same';
    const { tolerance } = this.config!;
    return compareDevice(fingerprint, signals, { sessionId: id, keys, tolerance });
  }

  /** A signal that throws counts as absent. */
  private signalOf(signals: Record<string, FingerprintSignal>, name: string, request: HttpRequest): string | undefined {
    try {
      return signals[name](request);
    } catch (error) {
      // The error may quote text that the client sent, so control characters are escaped.
      if (!this.failing.has(name))
        this.logger.error(escapeControls(`The signal "${name}" cannot be read: ${String(error)}`));
      this.failing.add(name);
      return undefined;
    }
  }
}
