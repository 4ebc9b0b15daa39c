/** Remembers, for all instances, which DPoP proofs have been used (RFC 9449 §11.1). `redisReplayStore` is one. */
export interface DpopReplayStore {
  /** Connects, or gives up waiting after a moment and goes on trying by itself. Fails where it never can. */
  open(): Promise<void>;
  /**
   * `true` for the first who asks with this id. May fail: the database is then asked.
   *
   * @param lifetime milliseconds for which the id is to be remembered
   */
  claim(id: string, lifetime: number): Promise<boolean>;
  close(): Promise<void>;
}
