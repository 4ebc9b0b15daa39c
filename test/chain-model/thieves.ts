import { type Answer, DAY, HOUR, MINUTE, type Refresh, SECOND } from './model.js';
import type { Owner } from './owner.js';
import type { World } from './world.js';

/** What a thief does, and when. */
export interface ThiefHabits {
  /** How many tokens further it goes each time. */
  readonly steps?: number;
  /** It sends no key. */
  readonly silent?: boolean;
  /** How many uses it makes of the same token each time. */
  readonly uses?: number;
  /** It has copied the ledger, too, once. */
  readonly clones?: boolean;
  /** It sends exact copies of the owner's requests, and goes on with what they bring. */
  readonly replays?: boolean;
  /** Any token that it has had, with any of its keys or none, around each refresh of the owner. */
  readonly triesAll?: boolean;
  /** It cannot prove the key to which the session is bound. */
  readonly unbound?: boolean;
  /** It also presents an old token, and hangs up before it is answered. */
  readonly hangsUp?: boolean;
  /** It also presents the token that it has stolen again and again, to keep a window open. */
  readonly looksBack?: boolean;
  /** It comes this long before or after each refresh of the owner. Milliseconds. */
  readonly follows?: number;
  /** It comes at regular intervals. Milliseconds. */
  readonly every?: number;
  /** Otherwise it comes at random, at the latest after this time. Milliseconds. */
  readonly within?: number;
}

const [BEFORE, AFTER] = [-SECOND, SECOND];

export const THIEVES: Readonly<Record<string, ThiefHabits>> = {
  'just after the owner': { follows: AFTER },
  'just before the owner': { follows: BEFORE },
  'two steps just before the owner': { follows: BEFORE, steps: 2 },
  'three steps just before the owner': { follows: BEFORE, steps: 3 },
  'at the same time as the owner': { follows: 0 },
  'at random': { within: HOUR },
  'at random, often': { within: 5 * MINUTE },
  'at random within a burst': { within: 15 * SECOND, steps: 2 },
  'once a day': { within: 2 * DAY },
  'just after, without a key': { follows: AFTER, silent: true },
  'just before, without a key': { follows: BEFORE, silent: true },
  'with a copy of store and ledger, just before': { follows: BEFORE, clones: true },
  'with a copy of store and ledger, just after': { follows: AFTER, clones: true },
  'with a copy of store and ledger, at random': { within: 20 * MINUTE, clones: true },
  'with recorded requests': { follows: AFTER, replays: true },
  'that hangs up, too': { follows: BEFORE, hangsUp: true },
  'that tries everything': { follows: BEFORE, triesAll: true },
  'that looks back': { every: 10 * SECOND, steps: 2, looksBack: true },
};

/** Has a copy of a token, and goes on with what it is given. */
export class Thief {
  /** When it was first answered without the ledger of the owner. */
  answeredAt: number | undefined;
  uses = 0;
  private token: number | undefined;
  private oldest = 0;
  private claim: Refresh['claim'];
  /** Its uses, for a thief that tries all. */
  private readonly sent: Pick<Refresh, 'generation' | 'key'>[] = [];
  private count = 0;
  private record: Refresh | undefined;
  /** The key of its latest use of the token that it has stolen. */
  private lastKey: string | undefined;

  constructor(
    private readonly world: World,
    private readonly owner: Owner,
    private readonly habits: ThiefHabits,
    private readonly onFirstAnswer: () => void,
  ) {}

  /** Copies what the owner has at this moment. */
  steal(): void {
    const { owner, habits } = this;
    const { token, claim } = owner.stored;
    this.token = this.oldest = token;
    this.world.trace(() => `the thief copies token ${token}`);
    if (habits.clones) this.claim = claim;
    if (habits.replays) owner.onSent = (request) => (this.record = request);
    if (habits.follows !== undefined && !habits.triesAll) owner.onPlanned = () => this.follow();
    this.follow();
  }

  private follow(): void {
    const { world, owner, habits } = this;
    const { follows, every, within = 0 } = habits;
    if (every !== undefined) return world.in(Math.max(owner.nextAt - SECOND - world.now, 0), () => this.come());
    const wait = follows === undefined ? world.random.below(within) : owner.nextAt + follows - world.now;
    world.in(Math.max(wait, 0), () => this.come());
  }

  private come(): void {
    const { world, habits } = this;
    if (world.ended) return;
    const { steps = 1, uses = 1, hangsUp, looksBack, triesAll, every, within } = habits;
    if (triesAll) return this.tryAll();
    if (this.record) this.replay(this.record);
    // The same use once more, long after its window: that opens a new one.
    if (looksBack && this.uses > 0) this.refresh(this.oldest, true);
    for (let step = 0; step < steps; step++) {
      const token = this.token!;
      for (let use = 0; use < uses; use++) this.refresh(token);
    }
    // A use of the old token within that window.
    if (looksBack) this.refresh(this.oldest);
    if (hangsUp) world.send({ generation: this.oldest, key: this.newKey(), hungUp: true }, () => undefined);
    if (every !== undefined) world.in(every, () => this.come());
    else if (within !== undefined) world.in(world.random.below(within), () => this.come());
  }

  private tryAll(): void {
    const { world, owner, habits } = this;
    const { random } = world;
    const generation = random.chance(0.6) ? this.token! : random.between(this.oldest, this.token! + 1);
    const again = this.sent.filter((one) => one.generation === generation);
    const repeats = again.length > 0 && random.chance(0.5);
    const key = repeats ? random.of(again).key : random.chance(0.1) ? undefined : this.newKey();
    if (!repeats) this.sent.push({ generation, key });
    const request = { generation, key, bound: !habits.unbound };
    this.uses++;
    world.send(request, (answer) => this.receive(answer, request));
    // Some requests in a burst, then nothing until shortly before the owner comes again.
    const burst = random.below(random.of([SECOND, 12 * SECOND]));
    const next = owner.nextAt - world.now - random.below(15 * SECOND);
    world.in(random.chance(0.8) || next < 0 ? burst : next, () => this.come());
  }

  /** An exact copy: the answer comes by the key of the owner, so it does not count as a theft. */
  private replay(request: Refresh): void {
    this.record = undefined;
    this.world.send(request, (answer) => {
      if (answer.type === 'token') this.token = Math.max(this.token!, answer.token);
    });
  }

  private refresh(generation: number, again = false): void {
    const { world, habits, claim } = this;
    const key = habits.silent ? undefined : again && this.lastKey ? this.lastKey : this.newKey();
    if (generation === this.oldest) this.lastKey = key;
    const request = {
      generation,
      key,
      claim: claim?.generation === generation ? claim : undefined,
      bound: !habits.unbound,
    };
    this.uses++;
    world.send(request, (answer) => this.receive(answer, request));
  }

  private receive(answer: Answer, { key, generation }: Refresh): void {
    if (answer.type !== 'token') return;
    if (answer.token > this.token!) {
      this.token = answer.token;
      if (this.claim) this.claim = { generation: answer.token, keys: [key!] };
    }
    this.world.trace(() => `… which is the thief's answer to ${generation}`);
    if (this.answeredAt !== undefined) return;
    this.answeredAt = this.world.now;
    this.onFirstAnswer();
  }

  private newKey(): string {
    return `key-of-the-thief-${++this.count}`;
  }
}
