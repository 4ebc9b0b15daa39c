/**
 * A queue whose keys take turns, so that nobody who adds a lot delays the others. A key is a path: its first parts take
 * turns, and those that share them take turns among themselves.
 */
export class FairQueue<T> {
  private readonly parts = new Map<string, FairQueue<T>>();
  /** At the end of the path. */
  private readonly own: T[] = [];
  private length = 0;

  get size(): number {
    return this.length;
  }

  add([key, ...rest]: readonly string[], one: T): void {
    this.length++;
    if (key === undefined) return void this.own.push(one);
    const part = this.parts.get(key) ?? new FairQueue<T>();
    this.parts.set(key, part);
    part.add(rest, one);
  }

  /** Removes the oldest of the key whose turn it is. */
  next(): T | undefined {
    const [turn] = this.parts;
    if (!turn) return this.taken(this.own.shift());
    const [key, part] = turn;
    const one = part.next();
    this.parts.delete(key);
    if (part.size > 0) this.parts.set(key, part);
    return this.taken(one);
  }

  /** Removes the newest of the key that has the most. */
  dropNewest(): T | undefined {
    let most: [key: string, part: FairQueue<T>] | undefined;
    for (const entry of this.parts) if (!most || entry[1].size >= most[1].size) most = entry;
    if (!most) return this.taken(this.own.pop());
    const one = most[1].dropNewest();
    this.forgetEmpty(most[0]);
    return this.taken(one);
  }

  /** Returns what it removed; `undefined` if it is no longer in the queue. */
  remove([key, ...rest]: readonly string[], one: T): T | undefined {
    if (key === undefined) {
      const index = this.own.lastIndexOf(one);
      return index < 0 ? undefined : this.taken(this.own.splice(index, 1)[0]);
    }
    const removed = this.parts.get(key)?.remove(rest, one);
    this.forgetEmpty(key);
    return this.taken(removed);
  }

  private taken(one: T | undefined): T | undefined {
    if (one !== undefined) this.length--;
    return one;
  }

  private forgetEmpty(key: string): void {
    if (this.parts.get(key)?.size === 0) this.parts.delete(key);
  }
}
