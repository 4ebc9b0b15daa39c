import type { AuthClient, SessionStore, StoredSession } from 'nestjs-refresh-token/client';
import type { VirtualProcess, VirtualTime } from './virtual-time.js';

/** What the store of a device does from a moment on. */
export type StoreFault =
  | 'it throws'
  /** Like a disk that is full. */
  | 'it can only be read'
  | 'it never answers'
  /** Like a key chain while the device is locked. */
  | 'it says that it is empty'
  /** The client has given up the write long before it lands. */
  | 'it writes too late';

const UNWRITABLE: (StoreFault | undefined)[] = ['it throws', 'it can only be read', 'it says that it is empty'];

/** A promise that never settles: what a dead process waits for. */
const never = new Promise<never>(() => {});

/** What outlives the processes of a client: the text in its store. */
export class Device {
  text: string | undefined;
  fault: StoreFault | undefined;
  /** How often somebody cleared the store. */
  cleared = 0;
  /** Writes that were given up, and have not landed yet. */
  late = 0;
  #lastHolder: Promise<unknown> = Promise.resolve();

  constructor(
    readonly time: VirtualTime,
    readonly chance: () => number,
  ) {}

  get session(): StoredSession | undefined {
    return this.text === undefined ? undefined : (JSON.parse(this.text) as StoredSession);
  }

  /** What somebody gets who copies the device. */
  copy(): Device {
    const copy = new Device(this.time, this.chance);
    copy.text = this.text;
    return copy;
  }

  /** The store as one process sees it: each call takes some milliseconds, and the process can be killed at each. */
  storeOf(owner: OwnerProcess, locks: boolean): SessionStore {
    const { time } = this;
    const takes = async () => {
      await owner.point();
      await time.sleep(this.chance() * 4);
    };
    const store: SessionStore = {
      load: async () => {
        await takes();
        if (this.fault === 'it throws') throw new Error('The key chain is locked.');
        if (this.fault === 'it never answers') return never;
        await owner.point();
        return this.fault === 'it says that it is empty' ? null : this.session;
      },
      save: async (session) => {
        await takes();
        const text = JSON.stringify(session);
        if (UNWRITABLE.includes(this.fault)) throw new Error('It cannot be written.');
        if (this.fault === 'it never answers') return never;
        if (this.fault === 'it writes too late') {
          this.late++;
          await time.sleep(6_000 + this.chance() * 6_000);
          this.late--;
        }
        if (owner.isDead) return never;
        this.text = text;
        await owner.point();
      },
      clear: async () => {
        await takes();
        this.cleared++;
        this.text = undefined;
      },
    };
    if (!locks) return store;
    return { ...store, lock: (work) => this.#alone(owner, work) };
  }

  /** The operating system frees the lock of a process that has died. */
  async #alone<T>(owner: OwnerProcess, work: () => Promise<T>): Promise<T> {
    const before = this.#lastHolder;
    let release = () => {};
    this.#lastHolder = new Promise<void>((resolve) => (release = resolve));
    await before;
    await Promise.race([owner.point(), owner.died]);
    const result = owner.isDead ? never : work();
    await Promise.race([result.catch(() => undefined), owner.died]);
    release();
    return result;
  }
}

/** A process in which the client runs. */
export class OwnerProcess {
  isDead = false;
  readonly died: Promise<void>;
  client!: AuthClient;
  #die = () => {};
  #untilDeath: number | undefined;

  constructor(private readonly inner: VirtualProcess) {
    this.died = new Promise((resolve) => (this.#die = resolve));
  }

  /** It dies when it reaches a point for the nth time from now on. */
  dieAt(nth: number): void {
    this.#untilDeath = nth;
  }

  /** Where the process can be killed. */
  async point(): Promise<void> {
    if (this.#untilDeath !== undefined && --this.#untilDeath <= 0) this.kill();
    if (this.isDead) return never;
  }

  kill(): void {
    this.isDead = true;
    this.inner.kill();
    this.#die();
  }

  /** Resolves when the client has refreshed, has given up for now, or is dead. */
  async refresh(): Promise<void> {
    await Promise.race([this.client.refresh().catch(expectAuthError), this.died]);
  }
}

/** The client tells of nothing but its own errors. */
function expectAuthError(error: unknown): void {
  if ((error as Error).name !== 'AuthClientError') throw error;
}
