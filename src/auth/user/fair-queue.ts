/** A queue whose keys take turns, so that nobody who adds a lot delays the others. */
export class FairQueue<T> {
  private readonly byKey = new Map<string, T[]>();
  private length = 0;

  get size(): number {
    return this.length;
  }

  add(key: string, one: T): void {
    const ofKey = this.byKey.get(key);
    if (ofKey) ofKey.push(one);
    else this.byKey.set(key, [one]);
    this.length++;
  }

  /** Removes the oldest of the key whose turn it is. */
  next(): T | undefined {
    const [turn] = this.byKey;
    if (!turn) return undefined;
    const [key, ofKey] = turn;
    const one = ofKey.shift();
    this.byKey.delete(key);
    if (ofKey.length > 0) this.byKey.set(key, ofKey);
    this.length--;
    return one;
  }

  /** Removes the newest of the key that has the most. */
  dropNewest(): T | undefined {
    let most: [key: string, ofKey: T[]] | undefined;
    for (const entry of this.byKey) if (!most || entry[1].length >= most[1].length) most = entry;
    return most && this.remove(most[0], most[1].at(-1)!);
  }

  /** Returns what it removed; `undefined` if it is no longer in the queue. */
  remove(key: string, one: T): T | undefined {
    const ofKey = this.byKey.get(key) ?? [];
    const index = ofKey.lastIndexOf(one);
    if (index < 0) return undefined;
    ofKey.splice(index, 1);
    if (ofKey.length === 0) this.byKey.delete(key);
    this.length--;
    return one;
  }
}
