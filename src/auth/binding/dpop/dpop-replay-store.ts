/** Records used DPoP proofs for all instances (RFC 9449 §11.1). `redisReplayStore` is an implementation. */
export interface DpopReplayStore {
  /**
   * Connects. It stops waiting after a short time and keeps trying in the background. Rejects only if a connection can
   * never succeed.
   */
  open(): Promise<void>;
  /**
   * Resolves to `true` for the first call with this id. It may reject: the library then asks the database.
   *
   * @param lifetime milliseconds for which the store must remember the id
   */
  claim(id: string, lifetime: number): Promise<boolean>;
  close(): Promise<void>;
}
