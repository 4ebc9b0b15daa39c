import { createHmac } from 'node:crypto';
import { equalInConstantTime } from '../common/crypto/equal-in-constant-time.js';
import type { Keys } from '../common/crypto/key-ring.js';
import type { DeviceSignals } from './device-options.js';

/** The result of comparing a device with the stored fingerprint. `tolerated`: it differs within the tolerance. */
export type DeviceComparison = 'same' | 'tolerated' | 'changed';

/** Characters. Long enough to distinguish signals, and too short to identify a value with certainty. */
const HASH_LENGTH = 11;

/** The fingerprint that the row stores: the name of each signal and a keyed hash that depends on the session. */
export function fingerprintOf(signals: DeviceSignals, sessionId: string, keys: Keys): string {
  return Object.entries(signals)
    .map(([name, value]) => `${name}=${hashOf(name, value, sessionId, keys)}`)
    .join(' ');
}

/** A signal that the fingerprint lacks, because the options have changed, does not count as a difference. */
export function compareDevice(
  fingerprint: string,
  signals: DeviceSignals,
  { sessionId, keys, tolerance }: { sessionId: string; keys: Keys; tolerance: number },
): DeviceComparison {
  const known = new Map(fingerprint.split(' ').map((entry) => entry.split('=') as [string, string]));
  const different = Object.entries(signals).filter(([name, value]) => {
    const hash = known.get(name);
    return hash !== undefined && !equalInConstantTime(hash, hashOf(name, value, sessionId, keys));
  });
  if (different.length === 0) return 'same';
  return different.length <= tolerance ? 'tolerated' : 'changed';
}

function hashOf(name: string, value: string | undefined, sessionId: string, keys: Keys): string {
  const message = JSON.stringify([sessionId, name, value ?? null]);
  return createHmac('sha256', keys.fingerprint).update(message).digest('base64url').slice(0, HASH_LENGTH);
}
