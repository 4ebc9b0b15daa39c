/** Records used DPoP proofs for all instances (RFC 9449 §11.1). `redisReplayStore` is an implementation. */
export interface DpopReplayStore {
  /**
   * Connects. It stops waiting after a short time and keeps trying in the background. Rejects only if a connection can
   * never succeed.
   *
   * @param lost to be called when the store may have forgotten ids, for example after its server has restarted. `age`:
   *   it may have forgotten the ids that were claimed more than this number of milliseconds ago
   */
  open(lost?: (age: number) => void): Promise<void>;
  /**
   * Resolves to `true` for the first call with this id. It may reject: the library then asks the database.
   *
   * @param lifetime milliseconds for which the store must remember the id
   */
  claim(id: string, lifetime: number): Promise<boolean>;
  close(): Promise<void>;
}
