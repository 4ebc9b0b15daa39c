import { settledWithin } from '../../auth/common/time/settled-within.js';

/** The attempts under way with one key. */
interface KeyInUse {
  taken: number;
  /** Resolves when one of the attempts has ended. */
  ended: Promise<void>;
  end(): void;
}

/** Counts the attempts under way in this process. */
export class AttemptsUnderWay {
  private readonly keys = new Map<string, KeyInUse>();

  /** Takes a place, if fewer than `most` are taken. */
  take(key: string, most: number): boolean {
    const inUse = this.keys.get(key) ?? unused();
    if (inUse.taken >= most) return false;
    inUse.taken++;
    this.keys.set(key, inUse);
    return true;
  }

  free(key: string): void {
    const { taken, end } = this.keys.get(key)!;
    if (taken === 1) this.keys.delete(key);
    else this.keys.set(key, { ...unused(), taken: taken - 1 });
    end();
  }

  /** Resolves when an attempt with this key has ended, or after this number of milliseconds. */
  async nextEnd(key: string, limit: number): Promise<void> {
    await settledWithin(limit, this.keys.get(key)?.ended);
  }
}

function unused(): KeyInUse {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { taken: 0, ended, end };
}
