import type { AccessFloor } from '../session/access-floor.js';

/** What a {@link RevocationChannel} tells. */
export interface RevocationChannelListener {
  changed(changes: AccessFloor[]): void;
  /** From now on nothing is missed. */
  connected(): void;
  /** From now on everything is missed. */
  disconnected(reason: string): void;
}

/**
 * Carries the changes of one instance to the others at once. Every instance also polls the table, so a lost message costs at most the
 * stated delay. For example `redisRevocationChannel`.
 */
export interface RevocationChannel {
  /** Begins to connect, and goes on trying by itself. Does not wait for it, and does not fail. */
  open(listener: RevocationChannelListener): void;
  /** May fail. */
  publish(changes: AccessFloor[]): Promise<void>;
  close(): Promise<void>;
}
