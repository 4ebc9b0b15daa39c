import type { FloorChange } from '../session/access-floor.js';

/** What a {@link FloorChannel} tells. */
export interface FloorChannelListener {
  changed(changes: FloorChange[]): void;
  /** From now on nothing is missed. */
  connected(): void;
  /** From now on everything is missed. */
  disconnected(reason: string): void;
}

/**
 * Brings the changes of one instance to the others at once, beside the table, which every instance polls all the same: a
 * message that is lost costs no more than the stated delay. `redisFloorChannel` is one.
 */
export interface FloorChannel {
  /** Begins to connect, and goes on trying by itself. Does not wait for it, and does not fail. */
  open(listener: FloorChannelListener): void;
  /** May fail. */
  publish(changes: FloorChange[]): Promise<void>;
  close(): Promise<void>;
}
