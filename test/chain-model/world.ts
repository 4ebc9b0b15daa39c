import type { RefreshLimits } from '../../src/auth/refresh-token/refresh-rule.js';
import {
  type Answer,
  Attempt,
  type Instance,
  LIMITS,
  MINUTE,
  ModelStore,
  type Refresh,
  RINGS,
  type Row,
  SECOND,
  signIn,
  type Start,
  type WriteFault,
} from './model.js';
import { Random } from './random.js';

/** How likely each fault is, for each refresh of the owner. Absent means never. */
export interface Faults {
  /** The request arrives up to a minute late, after the client has given it up. */
  readonly delay?: number;
  /** The request arrives twice, the second time up to a minute later. */
  readonly duplicate?: number;
  readonly lostAnswer?: number;
  /** The app is killed after it has sent its request, and comes back later. */
  readonly killed?: number;
  /** Several tabs refresh at once. They share one store. */
  readonly tabs?: number;
  /** A tab refreshes with a key of its own. Otherwise it repeats the use that is in the store. */
  readonly ownKeys?: number;
  /** The first request of a tab with a key of its own arrives up to a minute late. */
  readonly lateTabs?: number;
  /** The next refresh follows at once, because an access token became stale. */
  readonly hurry?: number;
  /** The client stores the token and not the claim. Its next refresh claims nothing, or about an older token. */
  readonly lag?: number;
  /** The database loses its latest commits. */
  readonly rollback?: number;
  /** Time passes between the reading and the writing of a request. */
  readonly race?: number;
  /** A write fails, or takes effect without an answer. */
  readonly failedWrite?: number;
  /** A process reads a row that is up to this old. Milliseconds. */
  readonly staleFor?: number;
  /** The clock of the database jumps by up to this. Milliseconds. */
  readonly jump?: number;
}

export interface WorldOptions {
  readonly seed: number;
  readonly faults: Faults;
  /** One instance by default. */
  readonly instances?: readonly Instance[];
  readonly start?: Partial<Start>;
  /** The defaults of the library. */
  readonly limits?: RefreshLimits;
  /** Where the histories of the real store begin. */
  readonly at?: number;
  /** Tells each step, for a history that is to be read. */
  readonly trace?: (line: string) => void;
  /** Called with each request that was answered without another one in between. */
  readonly onAnswer?: (refresh: Refresh, answer: Answer) => void;
  /** Called when the database has lost commits. */
  readonly onRollback?: (row: Row) => void;
}

/** The time between a read and its write. */
const LONGEST_RACE = 2 * SECOND;

/** Time, the network and the service. Everything happens in the order of its time. */
export class World {
  now: number;
  readonly random: Random;
  readonly store: ModelStore;
  readonly faults: Faults;
  /** The jumps of the database's clock so far. Milliseconds. */
  jumped = 0;
  /** The last time that the database lost commits. */
  rolledBackAt = -Infinity;
  private readonly events: { readonly at: number; readonly run: () => void }[] = [];
  private readonly instances: readonly Instance[];
  private readonly clock = () => this.now + this.jumped;

  constructor(private readonly options: WorldOptions) {
    const { seed, faults, at = 0, instances = [{ ring: RINGS.old, offset: 0 }], start } = options;
    this.now = at;
    this.random = new Random(seed);
    this.faults = faults;
    const { rollback, staleFor, failedWrite } = faults;
    const keepsVersions = rollback !== undefined || staleFor !== undefined;
    this.store = new ModelStore(signIn({ key: SIGN_IN_KEY, at, ...start }), () => this.now, keepsVersions);
    if (failedWrite !== undefined) this.store.fault = () => this.writeFault(failedWrite);
    this.instances = staleFor === undefined ? instances : instances.map((one) => this.stale(one, staleFor));
  }

  get ended(): boolean {
    return this.store.row.revokedAt !== null;
  }

  in(milliseconds: number, run: () => void): void {
    const { events } = this;
    const at = this.now + milliseconds;
    let index = events.length;
    // The next event is the last one. Of two at the same time, the one that was planned first comes first.
    while (index > 0 && events[index - 1].at <= at) index--;
    events.splice(index, 0, { at, run });
  }

  /** Runs the events until one of them says that it is enough. */
  run(enough: () => boolean): void {
    for (let event = this.events.pop(); event && !enough(); event = this.events.pop()) {
      this.now = event.at;
      event.run();
    }
  }

  /** A request that has arrived. */
  send(refresh: Refresh, answered: (answer: Answer) => void): void {
    const { random, store, faults } = this;
    if (random.chance(faults.rollback ?? 0)) this.rollBack();
    if (faults.jump !== undefined && random.chance(0.02)) this.jumped += random.between(-faults.jump, faults.jump + 1);
    const instance = this.instances.length === 1 ? this.instances[0] : random.of(this.instances);
    const attempt = new Attempt(store, instance, refresh, this.clock, this.options.limits ?? LIMITS);
    const races = random.chance(faults.race ?? 0);
    const finish = (answer: Answer) => {
      this.trace(() => `${tellRefresh(refresh)} → ${tellAnswer(answer)}`);
      this.options.onAnswer?.(refresh, answer);
      answered(answer);
    };
    if (!races) return finish(attempt.run());
    const read = () => {
      const answer = attempt.read();
      if (answer) return finish(answer);
      this.in(random.between(0, LONGEST_RACE), () => {
        const answer = attempt.write();
        if (answer) finish(answer);
        else read();
      });
    };
    read();
  }

  trace(tell: () => string): void {
    if (!this.options.trace) return;
    this.options.trace(`${((this.now - (this.options.at ?? 0)) / SECOND).toFixed(3)} s: ${tell()}`);
  }

  /** Mostly by seconds, as a failover does; sometimes by up to an hour, as a restore does. */
  private rollBack(): void {
    const { random, store } = this;
    const lost = random.chance(0.7) ? random.below(5 * SECOND) : random.below(60 * MINUTE);
    const earlier = store.versionAt(this.now - lost);
    if (!earlier || earlier === store.row) return;
    this.trace(() => `the database goes back from generation ${store.row.generation} to ${earlier.generation}`);
    this.rolledBackAt = this.now;
    store.restore(earlier);
    this.options.onRollback?.(store.row);
  }

  private writeFault(probability: number): WriteFault {
    if (!this.random.chance(probability)) return undefined;
    return this.random.chance(0.5) ? 'lost' : 'unacknowledged';
  }

  /** Reads what another replica has, but never something older than it has read before. */
  private stale(instance: Instance, staleFor: number): Instance {
    let readUpTo = -Infinity;
    const read = (store: ModelStore) => {
      const time = Math.max(readUpTo, this.now - this.random.below(staleFor));
      readUpTo = time;
      return store.versionAt(time) ?? store.row;
    };
    return { ...instance, read };
  }
}

export const SIGN_IN_KEY = 'sign-in-key-0000';

function tellRefresh({ generation, key, claim }: Refresh): string {
  const claimed = claim ? ` received with ${claim.keys.join(', ')} (${claim.generation})` : '';
  return `token ${generation}, key ${key ?? 'none'}${claimed}`;
}

function tellAnswer(answer: Answer): string {
  if (answer.type === 'token') return `${answer.late ? 'late ' : ''}${answer.action}, token ${answer.token}`;
  return answer.type === 'refused' ? `refused: ${answer.reason}` : answer.type;
}
