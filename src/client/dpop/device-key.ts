import { within } from '../within.js';
import { type DeviceKey, isKeyPair, type KeyStore } from './key-store.js';
import { generateKey, signProof } from './proof.js';

/** Milliseconds for a store to return a key, or to delete it. */
const LOAD_TIMEOUT = 2_000;
/** Milliseconds for all steps at a login: load, make, save, read back. */
const KEEP_TIMEOUT = 3_000;
/** A store that has not answered for this many milliseconds is asked again. Until then nobody waits for it. */
const RETRY = 10_000;

/** The key pair of this device, in memory and in its store. No method waits for longer than a few seconds. */
export interface KeptKeyPair {
  /**
   * @returns `undefined` if the store says that it has none
   * @throws unknown if the store fails or does not answer
   */
  load(): Promise<DeviceKey | undefined>;
  /**
   * The key pair of the store, or a new one that the store has proved to keep.
   *
   * @throws unknown if the store does not keep it
   */
  keep(): Promise<DeviceKey>;
  /** Saves the key in memory again if the store has lost it. */
  restore(): Promise<void>;
  /** The next key is read from the store again. */
  forget(): void;
  clear(): Promise<void>;
}

export function keptKeyPair(store: KeyStore): KeptKeyPair {
  let loading: { answer: Promise<DeviceKey | undefined>; since: number } | undefined;
  let clearing: Promise<unknown> = Promise.resolve();

  const read = async () => {
    const key = await store.load();
    return isKeyPair(key) ? key : undefined;
  };
  const load = async () => {
    if (!loading || performance.now() - loading.since > RETRY) {
      const attempt = { answer: read(), since: performance.now() };
      // Only a key is remembered. A store that failed, or had none, may have one the next time.
      const retry = () => void (loading === attempt && (loading = undefined));
      attempt.answer.then((key) => key ?? retry(), retry);
      loading = attempt;
    }
    return within(loading.since + LOAD_TIMEOUT - performance.now(), loading.answer);
  };
  const keep = async () => {
    // A key that is still being deleted must not be used again, and the deletion must not hit the new one.
    await clearing;
    const kept = await load();
    if (kept) return kept;
    await store.save(await generateKey());
    // The store decides: a different tab may have been faster.
    const saved = await load();
    if (!saved) throw new Error('The key was saved, but the store does not return it.');
    await signProof(saved, { method: 'POST', url: '', clockOffset: 0 });
    return saved;
  };

  return {
    load,
    keep: () => within(KEEP_TIMEOUT, keep()),
    async restore() {
      const inMemory = loading;
      if (!inMemory) return;
      await settled(async () => {
        const [key, saved] = [await inMemory.answer, await read()];
        // Meanwhile the session may have ended, and its key with it.
        if (key && !saved && loading === inMemory) await store.save(key);
      });
    },
    forget: () => void (loading = undefined),
    async clear() {
      loading = undefined;
      clearing = settled(() => store.clear());
      await within(LOAD_TIMEOUT, clearing).catch(() => undefined);
    },
  };
}

async function settled(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // A key that could not be deleted is used again by the next login.
  }
}
