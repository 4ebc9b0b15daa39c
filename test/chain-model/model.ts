import { KeyRing, type Keys } from '../../src/auth/common/crypto/key-ring.js';
import {
  decideRefresh,
  type RefreshDecision,
  type RefreshLimits,
  type ReuseReason,
} from '../../src/auth/refresh-token/refresh-rule.js';
import {
  firstChain,
  judgedUse,
  type JudgedUse,
  repeatedChain,
  rotatedChain,
  type SessionChain,
  useOf,
} from '../../src/auth/refresh-token/session-chain.js';
import type { ReceivedWith } from '../../src/auth/refresh-token/token-use.js';
import { ListsInvariant } from './lists-invariant.js';
import { Random } from './random.js';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The defaults of the options. */
export const LIMITS: RefreshLimits = {
  idleTtl: 7 * DAY,
  grace: 10 * SECOND,
  outage: 0,
  lateAnswers: { burst: 1, per: DAY, withoutKeys: false },
  otherDeviceIsReuse: true,
};

/** Derived once, because a key ring takes far longer than a history. */
const [OLD, NEW] = ['the-old-secret-of-the-model-aaaaaaaaaaaaaa', 'the-new-secret-of-the-model-bbbbbbbbbbbbbb'];
export const RINGS = {
  old: new KeyRing([OLD, NEW], undefined),
  new: new KeyRing([NEW, OLD], undefined),
};

/** A row of the table of sessions, as far as the rule and the chain need it. */
export interface Row extends SessionChain {
  readonly id: string;
  /** The keys that the row names. */
  readonly keys: Keys;
  /** The root of its tokens. The table does not have it; each genuine token brings it. */
  readonly root: Buffer;
  readonly keyBound: boolean;
  readonly expiresAt: number;
  readonly lastUsedAt: number;
  readonly revokedAt: number | null;
  readonly revokedReason: ReuseReason | null;
}

/** A refresh, as it arrives. A genuine token is its generation. */
export interface Refresh {
  readonly generation: number;
  readonly key?: string;
  readonly claim?: ReceivedWith;
  /** `false`: without the proof that the session is bound to. */
  readonly bound?: boolean;
  /** `false`: names another client than that of the session. */
  readonly otherClient?: boolean;
  readonly otherDevice?: boolean;
  readonly hungUp?: boolean;
}

export type Answer =
  | { readonly type: 'token'; readonly token: number; readonly action: TokenAction; readonly late: boolean }
  | { readonly type: 'superseded' }
  | { readonly type: 'unavailable' }
  | { readonly type: 'refused'; readonly reason: string };
type TokenAction = Extract<RefreshDecision['action'], 'rotate' | 'adopt' | 'repeat' | 'retry' | 'late'>;

/** A process of the service. */
export interface Instance {
  readonly ring: KeyRing;
  /** Milliseconds between its clock and that of the database. */
  readonly offset: number;
  /** Which row it reads. By default the one that was committed last. */
  readonly read?: (store: ModelStore) => Row;
}

/** What becomes of a write: an error may reach the process although the write took effect. */
export type WriteFault = 'lost' | 'unacknowledged' | undefined;

const SUPERSEDED: Answer = { type: 'superseded' };
const UNAVAILABLE: Answer = { type: 'unavailable' };
const MOST_ATTEMPTS = 8;
const MOST_VERSIONS = 400;

/** One row and what was committed before. */
export class ModelStore {
  /** Committed rows with their times, the newest last. */
  readonly versions: { readonly at: number; readonly row: Row }[] = [];
  /** How often a write replaced a row that it had not read. */
  overwritten = 0;
  private restored = false;
  private readonly steps = new Random(0);
  /** Called before each write. */
  fault: (() => WriteFault) | undefined;

  /** @param keepsVersions whether earlier rows are needed, for stale reads and restores */
  constructor(
    public row: Row,
    private readonly now: () => number,
    private readonly keepsVersions: boolean,
  ) {
    this.keep();
  }

  /** Compare-and-set on generation and version of the lists. */
  write(before: Row, after: Row): 'written' | 'overtaken' | 'failed' {
    const fault = this.fault?.();
    if (fault === 'lost') return 'failed';
    const { row } = this;
    const asRead = row.generation === before.generation && row.listsVersion === before.listsVersion;
    if (!asRead || row.revokedAt !== null) return fault ? 'failed' : 'overtaken';
    // After a restore an old version of the lists is reached again. So a write may take the row for the one it has read.
    if (row !== before && this.restored) this.overwritten++;
    else ListsInvariant.assert(row, after);
    this.commit(after);
    return fault ? 'failed' : 'written';
  }

  /** A random step, so that a restored row does not come to the same version again. */
  versionAfter({ listsVersion }: Row): number {
    return listsVersion + this.steps.between(1, 2 ** 20);
  }

  revoke(at: number, reason: ReuseReason): boolean {
    if (this.row.revokedAt !== null) return false;
    this.commit({ ...this.row, revokedAt: at, revokedReason: reason });
    return true;
  }

  /** Lost commits. A revocation is kept, because a session that ends twice is of no interest. */
  restore(earlier: Row): void {
    const { revokedAt, revokedReason } = this.row;
    this.restored = true;
    this.commit({ ...earlier, revokedAt, revokedReason });
  }

  private commit(row: Row): void {
    this.row = row;
    this.keep();
  }

  private keep(): void {
    if (!this.keepsVersions) return;
    this.versions.push({ at: this.now(), row: this.row });
    if (this.versions.length > MOST_VERSIONS) this.versions.shift();
  }

  /** The last row that was committed at this time or before. */
  versionAt(time: number): Row | undefined {
    let found: Row | undefined;
    for (const { at, row } of this.versions) if (at <= time) found = row;
    return found;
  }
}

export interface Start {
  /** The key of the sign-in. */
  readonly key?: string;
  readonly keyBound?: boolean;
  readonly id?: string;
  readonly root?: Buffer;
  readonly ring?: KeyRing;
  readonly at: number;
}

/** The first row of a session. */
export function signIn({ key, keyBound = false, id = SESSION_ID, root = ROOT, ring = RINGS.old, at }: Start): Row {
  const keys = ring.current;
  return {
    id,
    keys,
    root,
    keyBound,
    expiresAt: at + 30 * DAY,
    lastUsedAt: at,
    revokedAt: null,
    revokedReason: null,
    ...firstChain(root, key),
  };
}

/** Written out, because it is the most frequent step of a history. */
function rowWith(
  { id, root, keyBound, expiresAt, revokedAt, revokedReason }: Row,
  chain: SessionChain,
  keys: Keys,
  lastUsedAt: number,
  listsVersion: number,
): Row {
  return {
    id,
    root,
    keys,
    keyBound,
    expiresAt,
    lastUsedAt,
    revokedAt,
    revokedReason,
    generation: chain.generation,
    given: chain.given,
    givenBefore: chain.givenBefore,
    listsVersion,
    windowGeneration: chain.windowGeneration,
    windowStartedAt: chain.windowStartedAt,
    lateAnswersAt: chain.lateAnswersAt,
    repeatedGeneration: chain.repeatedGeneration,
    repeatedInARow: chain.repeatedInARow,
  };
}

const ROOT = Buffer.alloc(32, 'root');
const SESSION_ID = '0d5a8f3e-6f5c-4a51-9d3f-1c2b3a495867';

/**
 * One refresh in a process: it reads the row and decides, then it writes once. Other requests come between the two. The
 * rule and the rows are those of the library.
 */
export class Attempt {
  private readonly arrivedAt: number;
  private count = 0;
  private wasLive = false;
  private row: Row;
  private judged: JudgedUse;
  private decision: RefreshDecision;

  constructor(
    private readonly store: ModelStore,
    private readonly instance: Instance,
    private readonly refresh: Refresh,
    private readonly clock: () => number,
    private readonly limits: RefreshLimits = LIMITS,
  ) {
    this.arrivedAt = this.now();
  }

  /** Returns the answer if nothing is to be written. */
  read(): Answer | undefined {
    if (++this.count > MOST_ATTEMPTS) return UNAVAILABLE;
    const { store, instance, refresh } = this;
    const row = instance.read?.(store) ?? store.row;
    if (!instance.ring.find(row.keys.id)) return { type: 'refused', reason: 'secret_removed' };
    const { generation, key, claim, bound = true, otherClient = false, otherDevice = false, hungUp = false } = refresh;
    const judged = judgedUse(row, useOf(generation, { idempotencyKey: key }), claim);
    const token = {
      generation,
      genuine: true,
      bound,
      otherClient,
      sameDevice: !otherDevice,
      arrivedAt: this.arrivedAt,
      wasLive: this.wasLive,
      ...judged,
    };
    const decision = decideRefresh(row, token, this.now(), this.limits);
    this.row = row;
    this.judged = judged;
    this.decision = decision;
    if (decision.action === 'superseded') return SUPERSEDED;
    if (decision.action === 'refuse') return { type: 'refused', reason: decision.reason };
    if (decision.action === 'reuse' && hungUp) return UNAVAILABLE;
    return undefined;
  }

  /** Returns `undefined` if a different request wrote first. Then the attempt reads again. */
  write(): Answer | undefined {
    const { store, instance, refresh, row, decision, limits } = this;
    const now = this.now();
    const use = useOf(refresh.generation, { idempotencyKey: refresh.key });
    switch (decision.action) {
      case 'reuse':
        return { type: 'refused', reason: store.revoke(now, decision.reason) ? decision.reason : 'revoked' };
      case 'rotate':
      case 'adopt': {
        this.wasLive = true;
        const keys = instance.ring.current;
        const chain = rotatedChain(row, use, now, limits, { arrivedAt: this.arrivedAt });
        const after = rowWith(row, { ...row, ...chain }, keys, Math.max(now, row.lastUsedAt), store.versionAfter(row));
        return this.answered(store.write(row, after), chain.generation, decision.action, false);
      }
      case 'repeat':
      case 'retry':
      case 'late': {
        const chain = repeatedChain(row, decision, use, now, limits, { ...this.judged, arrivedAt: this.arrivedAt });
        const late = decision.action === 'late' || (decision.action === 'retry' && decision.late);
        const written = chain
          ? store.write(row, rowWith(row, { ...row, ...chain }, row.keys, row.lastUsedAt, store.versionAfter(row)))
          : 'written';
        return this.answered(written, row.generation, decision.action, late);
      }
      default:
        throw new Error(`Nothing to write for ${decision.action}.`);
    }
  }

  /** Reads and writes, without other requests between the two. */
  run(): Answer {
    for (;;) {
      const answer = this.read() ?? this.write();
      if (answer) return answer;
    }
  }

  private answered(
    written: ReturnType<ModelStore['write']>,
    token: number,
    action: TokenAction,
    late: boolean,
  ): Answer | undefined {
    if (written === 'failed') return UNAVAILABLE;
    return written === 'written' ? { type: 'token', token, action, late } : undefined;
  }

  private now(): number {
    return this.clock() + this.instance.offset;
  }
}
