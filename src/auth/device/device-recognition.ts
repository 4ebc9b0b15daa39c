import { Injectable, Logger } from '@nestjs/common';
import { escapeControls } from '../common/errors/escape-controls.js';
import type { Keys } from '../common/crypto/key-ring.js';
import { ResolvedAuthOptions } from '../resolve-options.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import type { HttpRequest } from '../common/request/http-request.js';
import type { Finding } from '../risk/verdict.js';
import type { DeviceSignals } from '../binding/binding-evidence.js';
import type { FingerprintSignal } from '../binding/binding-options.js';
import { compareDevice, type DeviceComparison, fingerprintOf } from './device-fingerprint.js';

/** Recognises devices, where the options say by what. */
@Injectable()
export class DeviceRecognition {
  private readonly logger = new Logger(DeviceRecognition.name);
  private readonly failing = new Set<string>();

  constructor(private readonly options: ResolvedAuthOptions) {}

  /** What a device that has changed asks for, beside its own event; `undefined`: nothing. */
  get finding(): Finding | undefined {
    const policy = this.options.binding.fingerprint?.onMismatch;
    return policy === 'step_up' || policy === 'revoke' ? { reason: 'device_changed', verdict: policy } : undefined;
  }

  /** Whether somebody should look at it. */
  get alerts(): true | undefined {
    return this.options.binding.fingerprint?.onMismatch === 'alert' ? true : undefined;
  }

  /** `undefined` where devices are not recognised. */
  signalsOf(request: HttpRequest): DeviceSignals | undefined {
    const { fingerprint } = this.options.binding;
    if (!fingerprint) return undefined;
    const names = Object.keys(fingerprint.signals);
    return Object.fromEntries(names.map((name) => [name, this.signalOf(fingerprint.signals, name, request)]));
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
    const { tolerance } = this.options.binding.fingerprint!;
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
