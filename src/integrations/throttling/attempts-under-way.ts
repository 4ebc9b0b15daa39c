/** The attempts with one key. */
interface KeyInUse {
  taken: number;
  /** Wakes the attempts that wait for a place, the longest waiting first. */
  readonly waiting: Set<() => void>;
}

/** Counts the attempts under way in this process, and lets others wait for their places. */
export class AttemptsUnderWay {
  private readonly keys = new Map<string, KeyInUse>();

  /** Takes a place, if fewer than `most` are taken. */
  take(key: string, most: number): boolean {
    const inUse = this.of(key);
    if (inUse.taken >= most) return false;
    inUse.taken++;
    return true;
  }

  /** Frees a place, and wakes one attempt. It takes the place, or finds it taken by a newer one, which wakes the next. */
  free(key: string): void {
    const inUse = this.of(key);
    inUse.taken--;
    const [wake] = inUse.waiting;
    if (wake) wake();
    else this.forgetUnused(key);
  }

  /** Wakes all attempts, because the key is blocked. */
  wakeAll(key: string): void {
    for (const wake of this.keys.get(key)?.waiting ?? []) wake();
  }

  /** Resolves when a place may be free, or after this number of milliseconds. */
  async wait(key: string, limit: number): Promise<void> {
    const { waiting } = this.of(key);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(wake, limit);
      function wake(): void {
        clearTimeout(timer);
        waiting.delete(wake);
        resolve();
      }
      waiting.add(wake);
    });
    this.forgetUnused(key);
  }

  private of(key: string): KeyInUse {
    const inUse = this.keys.get(key) ?? { taken: 0, waiting: new Set() };
    this.keys.set(key, inUse);
    return inUse;
  }

  private forgetUnused(key: string): void {
    const inUse = this.keys.get(key);
    if (inUse?.taken === 0 && inUse.waiting.size === 0) this.keys.delete(key);
  }
}
