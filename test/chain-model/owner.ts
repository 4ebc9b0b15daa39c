import { type Answer, HOUR, MINUTE, type Refresh, SECOND } from './model.js';
import { SIGN_IN_KEY, type World } from './world.js';

/** The keys that were sent with the token of a generation. */
interface KeysOf {
  readonly generation: number;
  readonly keys: readonly string[];
}

export interface OwnerHabits {
  /** `false`: the client sends no key and claims nothing. */
  readonly keyed?: boolean;
  /** A gateway replaces the key of each attempt. So the client claims nothing. */
  readonly rewritten?: boolean;
  /** The client uses one key for two tokens. */
  readonly reusesKeys?: boolean;
  /** Milliseconds between two refreshes. */
  readonly every?: number;
}

/** What ended the session for the owner. */
export interface Loss {
  readonly who: 'owner' | 'straggler' | 'tab';
  readonly reason: string;
  readonly behind: number;
}

/** The app of the user: one store with a token and a ledger of keys, which tabs share. */
export class Owner {
  /** The generation of the token in the store. */
  jar = 0;
  loss: Loss | undefined;
  /** Uses that brought a token. */
  completed = 0;
  /** Called when a use begins, and when it brings a token. */
  watch: { begun(): void; sent(): void; completed(): void; superseded(): void } | undefined;
  /** Called with each request, for a thief that records them. */
  onSent: ((request: Refresh) => void) | undefined;
  /** Called when the next use is planned, for a thief that follows. */
  onPlanned: (() => void) | undefined;
  /** When the next refresh is planned. */
  nextAt = 0;
  /** The keys that brought the token in the jar, as far as the ledger knows. */
  private ledger: KeysOf = { generation: 0, keys: [SIGN_IN_KEY] };
  /** The keys that were written down for the token in the jar. */
  private sent: KeysOf = { generation: 0, keys: [] };
  /** The use that has no answer yet. It is in the store, so a restart and other tabs go on with it. */
  private pending: string | undefined;
  private count = 0;

  constructor(
    private readonly world: World,
    private readonly habits: OwnerHabits = {},
  ) {}

  start(): void {
    this.plan(this.world.random.below(this.habits.every ?? 12 * MINUTE));
  }

  /** What a thief finds in the store. */
  get stored(): { token: number; claim: KeysOf | undefined } {
    return { token: this.jar, claim: this.claim() };
  }

  private plan(milliseconds: number): void {
    this.nextAt = this.world.now + milliseconds;
    this.world.in(milliseconds, () => this.refresh());
  }

  /** Sends the pending use again, unless a tab has stored a newer token meanwhile. */
  private planRetry(milliseconds: number): void {
    this.nextAt = this.world.now + milliseconds;
    this.world.in(milliseconds, () => (this.pending === undefined ? this.planNext() : this.refresh()));
  }

  private planNext(): void {
    const { random, faults } = this.world;
    const { every = 12 * MINUTE } = this.habits;
    const hurries = random.chance(faults.hurry ?? 0);
    this.plan(hurries ? random.below(5 * SECOND) : every - every / 12 + random.below(Math.ceil(every / 6)));
    this.onPlanned?.();
  }

  private refresh(): void {
    const { world, watch } = this;
    const { random, faults } = world;
    const begins = this.pending === undefined;
    this.pending ??= this.newKey();
    if (begins) watch?.begun();
    const frozen = random.chance(faults.delay ?? 0);
    const request = this.request(this.pending);
    watch?.sent();
    this.onSent?.(request);
    if (begins && random.chance(faults.tabs ?? 0)) this.openTabs(frozen);
    if (frozen) {
      world.in(random.below(60 * SECOND), () => this.straggler(request));
      return this.planRetry(4 * SECOND + random.below(SECOND));
    }
    world.send(request, (answer) => {
      if (random.chance(faults.duplicate ?? 0)) world.in(random.below(60 * SECOND), () => this.straggler(request));
      if (answer.type === 'refused') return this.lose('owner', answer.reason, request);
      if (random.chance(faults.lostAnswer ?? 0)) {
        return this.planRetry(random.chance(0.8) ? SECOND + random.below(3 * SECOND) : random.below(4 * SECOND));
      }
      if (random.chance(faults.killed ?? 0)) {
        // It comes back with the old token and the key of its use.
        return this.planRetry(random.chance(0.5) ? 20 * SECOND + random.below(MINUTE) : random.below(10 * HOUR));
      }
      this.receive(answer, request);
    });
  }

  /** A request that nobody waits for any more. */
  private straggler(request: Refresh): void {
    this.world.send(request, (answer) => {
      if (answer.type === 'refused') this.lose('straggler', answer.reason, request);
    });
  }

  private receive(answer: Answer, request: Refresh): void {
    const { watch } = this;
    if (answer.type === 'unavailable') return this.planRetry(SECOND);
    if (answer.type === 'token') {
      this.store(answer.token, request);
      this.completed++;
      watch?.completed();
    } else {
      // The request is finished. If no tab has stored a newer token, the client presents the same one afresh.
      this.pending = undefined;
      watch?.superseded();
      if (this.jar === request.generation) return this.plan(SECOND);
    }
    this.planNext();
  }

  /** Token and claim are stored in one write, unless the ledger lags. */
  private store(token: number, { generation }: Refresh): void {
    if (token <= this.jar) return;
    const lags = this.world.random.chance(this.world.faults.lag ?? 0);
    // All keys that were sent with the old token may have brought the new one.
    if (!lags && this.sent.generation === generation) this.ledger = { generation: token, keys: this.sent.keys };
    this.jar = token;
    this.sent = { generation: token, keys: [] };
    this.pending = undefined;
  }

  /**
   * Other tabs present the token of the store in the same moment.
   *
   * @param frozen whether the first request hangs: then a tab with a key of its own comes first, and the hanging one late
   */
  private openTabs(frozen: boolean): void {
    const { random, faults } = this.world;
    for (let count = random.between(1, 6); count > 0; count--) {
      const hasOwnKey = random.chance(faults.ownKeys ?? 0) && (!frozen || faults.lateTabs !== undefined);
      const request = this.request(hasOwnKey ? this.newKey() : this.pending!);
      const delay = random.chance(faults.lateTabs ?? 0) ? 60 * SECOND : 3 * SECOND;
      this.world.in(random.below(delay), () =>
        this.world.send(request, (answer) => {
          if (answer.type === 'refused') return this.lose('tab', answer.reason, request);
          if (answer.type === 'token' && !random.chance(faults.lostAnswer ?? 0)) this.store(answer.token, request);
        }),
      );
    }
  }

  private request(key: string): Refresh {
    const { keyed = true, rewritten = false } = this.habits;
    if (!keyed) return { generation: this.jar };
    if (rewritten) return { generation: this.jar, key: `key-of-gateway-${++this.count}` };
    return { generation: this.jar, key, claim: this.claim() };
  }

  /** Of a ledger that lags: nothing, or a claim about another generation. */
  private claim(): KeysOf | undefined {
    if (this.ledger.generation === this.jar) return this.ledger;
    return this.world.random.chance(0.5) ? this.ledger : undefined;
  }

  /** A fresh key, written down with the token before it is sent. */
  private newKey(): string {
    const { generation, keys } = this.sent;
    const reuse = this.habits.reusesKeys && this.world.random.chance(0.3) && this.count > 0;
    const key = `own-key-of-use-${reuse ? this.count : ++this.count}`;
    if (!keys.includes(key)) this.sent = { generation, keys: [...keys, key] };
    return key;
  }

  private lose(who: Loss['who'], reason: string, { generation }: Refresh): void {
    this.loss ??= { who, reason, behind: this.world.store.row.generation - generation };
  }
}
