import { describe, expect, it } from 'vitest';
import { FAULTS, honestHistories, honestHistory } from './histories.js';
import { Attempt, type Instance, MINUTE, ModelStore, type Refresh, RINGS, type Row, SECOND, signIn } from './model.js';
import { Random } from './random.js';
import { claimOf, ScriptedSession, told } from './scripted-session.js';
import { GivenUses } from '../../src/auth/refresh-token/given-uses.js';

const SIGN_IN = 'sign-in-key-0000';
const LONG = 11 * MINUTE;

/** A session after some refreshes of its owner. Token `n` came with key `own-key-n`. */
function refreshed(times: number): ScriptedSession {
  const session = new ScriptedSession();
  for (let token = 0; token < times; token++) {
    session.wait(LONG);
    expect(session.refresh(token, keyOf(token + 1), keyOf(token))).toBe(`rotate ${token + 1}`);
  }
  session.wait(LONG);
  return session;
}

function keyOf(token: number): string {
  return token === 0 ? SIGN_IN : `own-key-of-token-${token}`;
}

/** The row as it was when this token was live. */
function rowAt({ store }: ScriptedSession, token: number): Row {
  return store.versions.find(({ row }) => row.generation === token)!.row;
}

describe('a database that loses commits', () => {
  it.each([5, 4, 3, 1, 0])('adopts the token of the client when it goes back from generation 5 to %i', (token) => {
    const session = refreshed(5);
    session.store.restore(rowAt(session, token));
    const expected = token === 5 ? 'rotate' : 'adopt';
    expect(session.refresh(5, keyOf(6), keyOf(5))).toBe(`${expected} 6`);
    session.wait(LONG);
    expect(session.refresh(6, keyOf(7), keyOf(6))).toBe('rotate 7');
  });

  it.each([5, 3, 0])('gives the same token to a retry whose first answer was lost with the commits to %i', (token) => {
    const session = refreshed(5);
    expect(session.refresh(5, keyOf(6), keyOf(5))).toBe('rotate 6');
    session.store.restore(rowAt(session, token));
    session.wait(LONG);
    expect(session.refresh(5, keyOf(6), keyOf(5))).toMatch(/^(rotate|adopt) 6$/);
  });

  it('answers all tabs that come after the commits were lost with one token', () => {
    const session = refreshed(5);
    session.store.restore(rowAt(session, 2));
    expect(session.refresh(5, 'key-of-tab-a', keyOf(5))).toBe('adopt 6');
    expect(session.refresh(5, 'key-of-tab-b', keyOf(5))).toBe('repeat 6');
    session.wait(LONG);
    expect(session.refresh(6, keyOf(7), 'key-of-tab-a', 'key-of-tab-b')).toBe('rotate 7');
  });

  it('goes back again and again, to any earlier row, and nobody is accused', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const session = new ScriptedSession();
      let token = 0;
      for (let use = 0; use < 30; use++) {
        session.wait(random.chance(0.2) ? random.below(12 * SECOND) : LONG);
        if (random.chance(0.3)) session.store.restore(random.of(session.store.versions).row);
        const key = `own-key-${token + 1}`;
        const answer = session.refresh(token, key, token === 0 ? SIGN_IN : `own-key-${token}`);
        expect(answer, `seed ${seed}`).toMatch(/^(rotate|adopt|retry|late retry|repeat) \d+$/);
        const received = Number(answer.split(' ').at(-1));
        expect(received, `seed ${seed}`).toBe(token + 1);
        // The answer is lost now and then. The retry has the same key.
        if (!random.chance(0.2)) token = received;
      }
    }
  });

  it('keeps a session ended when the end was not among the lost commits', () => {
    const session = refreshed(5);
    session.store.revoke(session.now, 'reuse_detected');
    session.store.restore(rowAt(session, 2));
    expect(session.refresh(5, keyOf(6), keyOf(5))).toBe('revoked');
  });

  it('forgets who had a token, so a thief is found later', () => {
    const session = refreshed(3);
    session.refresh(3, 'key-of-the-thief');
    session.store.restore(rowAt(session, 3));
    expect(session.refresh(3, keyOf(4), keyOf(3))).toBe('rotate 4');
    session.wait(LONG);
    expect(session.refresh(4, 'another-of-thief')).toBe('rotate 5');
    expect(session.refresh(4, keyOf(5), keyOf(4))).toBe('repeat 5');
    session.wait(LONG);
    expect(session.refresh(5, keyOf(6), keyOf(5))).toBe('token_shared');
  });

  it('does not let a write replace a row that it has not read', () => {
    const session = refreshed(3);
    const restored = rowAt(session, 2);
    // A tab reads the row at once, and its process stands still before it writes.
    expect(session.refresh(3, 'key-of-tab-a')).toBe('rotate 4');
    const slow = session.begin({ generation: 3, key: 'key-of-tab-b' });
    expect(slow.read()).toBeUndefined();
    session.store.restore(restored);
    expect(session.refresh(2, keyOf(3))).toBe('rotate 3');
    expect(session.refresh(3, 'key-of-thief')).toBe('rotate 4');
    // The generation and the number of changes are those that it has read.
    expect(slow.write()).toBeUndefined();
    expect(told(slow.run())).toBe('repeat 4');
    session.wait(LONG);
    expect(session.refresh(4, keyOf(5), 'key-of-tab-a', 'key-of-tab-b')).toBe('token_shared');
  });

  it('never accuses an honest client, whatever else goes wrong', () => {
    const { hell } = FAULTS;
    const worse = { ...hell, rollback: 0.05, failedWrite: 0.05, staleFor: 5 * SECOND };
    const { shared, ways } = honestHistories({ faults: worse, histories: 20, seed: 1, uses: 200 });
    expect(shared, JSON.stringify(ways)).toBe(0);
  });
});

describe('a process that reads old rows', () => {
  it('writes nothing that others have not read', () => {
    const session = refreshed(3);
    let old: Row | undefined = rowAt(session, 1);
    // The second read is fresh, for example because the replica has caught up.
    const read = (store: ModelStore) => {
      const row = old ?? store.row;
      old = undefined;
      return row;
    };
    const stale: Instance = { ring: RINGS.old, offset: 0, read };
    const refresh: Refresh = { generation: 3, key: keyOf(4), claim: claimOf(3, [keyOf(3)]) };
    expect(session.send(refresh, stale)).toBe('rotate 4');
    expect(session.store.row.generation).toBe(4);
  });

  it('is unavailable while it reads nothing else, and neither ends nor forgets a session', () => {
    const session = refreshed(3);
    const before = session.store.row;
    const stale: Instance = { ring: RINGS.old, offset: 0, read: () => rowAt(session, 1) };
    expect(session.send({ generation: 3, key: keyOf(4), claim: claimOf(3, [keyOf(3)]) }, stale)).toBe('unavailable');
    expect(session.store.row).toBe(before);
  });

  it('signs nobody out in many histories', () => {
    const faults = { ...FAULTS.dense, staleFor: 3 * SECOND };
    for (let seed = 1; seed <= 30; seed++) expect(honestHistory({ seed, faults }, 100).loss).toBeUndefined();
  });
});

/** How two copies of a row become one. */
type Merge = (one: Row, other: Row) => Row;

const higher: Merge = (one, other) => (one.generation >= other.generation ? one : other);

/** The higher generation wins; of two of the same, one loses its list. */
const losing: Merge = higher;

/** The higher generation wins; of two of the same, all uses are kept. */
const keeping: Merge = (one, other) => {
  if (one.generation !== other.generation) return higher(one, other);
  return {
    ...one,
    given: GivenUses.union(one.given, other.given),
    givenBefore: GivenUses.union(one.givenBefore, other.givenBefore),
    listsVersion: Math.max(one.listsVersion, other.listsVersion) + 1,
  };
};

/** Two writable copies of one row, which are merged now and then. */
class TwoReplicas {
  now = LONG;
  private readonly stores: readonly ModelStore[];
  private readonly instance: Instance = { ring: RINGS.old, offset: 0 };

  constructor(private readonly merge: Merge) {
    const row = signIn({ key: SIGN_IN, at: 0 });
    this.stores = [0, 1].map(() => new ModelStore(row, () => this.now, false));
  }

  refresh(replica: number, generation: number, key: string, ...claimed: string[]): string {
    const refresh = { generation, key, claim: claimOf(generation, claimed) };
    return told(new Attempt(this.stores[replica], this.instance, refresh, () => this.now).run());
  }

  mergeAll(): void {
    const [one, other] = this.stores;
    const merged = this.merge(one.row, other.row);
    for (const store of this.stores) store.restore(merged);
  }
}

describe('two replicas that are merged by the highest generation', () => {
  it.each<[string, Merge]>([
    ['keep the lists of both', keeping],
    ['lose one list', losing],
  ])('sign no client out that goes from one to the other, whether they %s', (_, merge) => {
    for (let seed = 0; seed < 300; seed++) {
      const random = new Random(seed);
      const replicas = new TwoReplicas(merge);
      let token = 0;
      let keys = [SIGN_IN];
      for (let use = 0; use < 30; use++) {
        const key = `own-key-${use}`;
        const answer = replicas.refresh(random.below(2), token, key, ...keys);
        expect(answer, `seed ${seed}`).toMatch(/^(rotate|adopt|repeat|late late) \d+$/);
        token = Number(answer.split(' ').at(-1));
        keys = [key];
        replicas.now += LONG;
        if (random.chance(0.5)) replicas.mergeAll();
      }
    }
  });

  it('give both of two tabs the same token', () => {
    const replicas = new TwoReplicas(keeping);
    expect(replicas.refresh(0, 0, 'key-of-tab-a', SIGN_IN)).toBe('rotate 1');
    expect(replicas.refresh(1, 0, 'key-of-tab-b', SIGN_IN)).toBe('rotate 1');
    replicas.mergeAll();
    replicas.now += LONG;
    expect(replicas.refresh(0, 1, 'own-key-of-token-2', 'key-of-tab-a', 'key-of-tab-b')).toBe('rotate 2');
  });

  it('find a thief on the other replica if the merge keeps both lists', () => {
    expect(stolenOnTheOther(keeping)).toBe('token_shared');
  });

  it('do not find that thief if the merge loses a list', () => {
    expect(stolenOnTheOther(losing)).toBe('rotate 2');
  });

  it('take a late retry for a late request if the merge has lost its list, and the second one in a day for reuse', () => {
    const replicas = new TwoReplicas(losing);
    const answers = [0, 1].map((token) => {
      const claimed = token === 0 ? [SIGN_IN] : ['key-of-tab-a-0', 'key-of-tab-b-0'];
      replicas.refresh(0, token, `key-of-tab-a-${token}`, ...claimed);
      replicas.refresh(1, token, `key-of-tab-b-${token}`, ...claimed);
      replicas.mergeAll();
      replicas.now += LONG;
      return replicas.refresh(0, token, `key-of-tab-b-${token}`, ...claimed);
    });
    expect(answers).toEqual(['late late 1', 'reuse_detected']);
  });

  function stolenOnTheOther(merge: Merge): string {
    const replicas = new TwoReplicas(merge);
    expect(replicas.refresh(0, 0, 'own-key-of-token-1', SIGN_IN)).toBe('rotate 1');
    expect(replicas.refresh(1, 0, 'key-of-the-thief')).toBe('rotate 1');
    replicas.mergeAll();
    replicas.now += LONG;
    return replicas.refresh(0, 1, 'own-key-of-token-2', 'own-key-of-token-1');
  }
});
