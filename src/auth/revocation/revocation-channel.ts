import type { AccessFloor } from '../session/access-floor.js';

/** The callbacks of a {@link RevocationChannel}. */
export interface RevocationChannelListener {
  /** Floors have been raised on another instance. */
  changed(changes: AccessFloor[]): void;
  /** From now on every change arrives. */
  connected(): void;
  /** From now on no change arrives. */
  disconnected(reason: string): void;
}

/**
 * Sends changes from one instance to the others at once. Every instance also polls the table. So a lost message delays
 * a revocation by `revocation.delay` at most. `redisRevocationChannel` is an implementation.
 */
export interface RevocationChannel {
  /**
   * Starts to connect, and keeps trying in the background. It may wait for a short time. It throws or rejects only if a
   * connection can never succeed: the application then does not start.
   */
  open(listener: RevocationChannelListener): void | Promise<void>;
  /** Publishes changes. It may reject: other instances then read them from the table. */
  publish(changes: AccessFloor[]): Promise<void>;
  /** Disconnects when the application stops. */
  close(): Promise<void>;
}
