import fc from 'fast-check';
import { type GivenToken, GivenUses, SIGN_IN, type Use } from '../../src/auth/refresh-token/given-uses.js';
import { describe, expect, it } from 'vitest';

const MOST = 16;
/** Characters of one use in the column. */
const ENTRY = 16;
const LONGEST_COLUMN = 272;

/** The token of generation 7, unless another one is named. */
const token: GivenToken = { generation: 7, root: Buffer.alloc(32, 7) };
const use = (key: string | undefined, generation = 6): Use => ({ generation, key });
const claim = (...keys: string[]) => ({ generation: token.generation, keys });

/** The list as the next request reads it from the row. */
function stored(list: GivenUses, of = token): GivenUses {
  return GivenUses.read(of, String(list))!;
}

function listOf(...uses: Use[]): GivenUses {
  return stored(uses.reduce((list, one) => list.with(one), GivenUses.read(token, '')!));
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`);

describe('the list of the uses to which a token was given', () => {
  it('knows its uses, and no others', () => {
    const list = listOf(use('one'), use('two'));
    expect(list.lateRetriesOf(use('one'))).toBe(0);
    expect(list.lateRetriesOf(use('two'))).toBe(0);
    expect(list.lateRetriesOf(use('three'))).toBeUndefined();
    // The key of another token is another use.
    expect(list.lateRetriesOf(use('one', 5))).toBeUndefined();
  });

  it('knows a use under the root of this session only', () => {
    const list = String(listOf(use('one')));
    const elsewhere = GivenUses.read({ ...token, root: Buffer.alloc(32, 8) }, list)!;
    expect(elsewhere.lateRetriesOf(use('one'))).toBeUndefined();
  });

  it('has a use once, however often it is entered', () => {
    const list = listOf(use('one'), use('two'), use('one'), use(undefined), use(undefined));
    expect(String(list)).toHaveLength(3 * ENTRY);
    // The same list, so that nothing is written.
    expect(list.with(use('two'))).toBe(list);
  });

  it('neither contains a key nor depends on its length', () => {
    const keysOfUses = ['k'.repeat(16), 'k'.repeat(64), 'uQ3nT0kq9o2dJc5w'];
    const column = String(listOf(...keysOfUses.map((key) => use(key))));
    expect(column).toMatch(/^[\w-]{48}$/);
    for (const key of keysOfUses) {
      for (const encoding of ['base64url', 'utf8', 'latin1'] as const) {
        expect(Buffer.from(column, encoding).includes(key)).toBe(false);
      }
    }
  });

  it('evicts nothing: with one more than it holds it has overflowed, and stays as it is', () => {
    const full = listOf(...numbered(MOST).map((key) => use(key)));
    expect(full.overflowed).toBe(false);
    const overflowed = stored(full.with(use('one too many')));
    expect(overflowed.overflowed).toBe(true);
    expect(String(overflowed)).toHaveLength(LONGEST_COLUMN);
    for (const key of [...numbered(MOST), 'one too many']) {
      expect(overflowed.lateRetriesOf(use(key)), key).toBe(0);
    }
    expect(overflowed.with(use('another'))).toBe(overflowed);

    expect(GivenUses.hasOverflowed(String(full))).toBe(false);
    expect(GivenUses.hasOverflowed(String(overflowed))).toBe(true);
    expect(GivenUses.hasOverflowed(null)).toBe(false);
  });

  it('is unknown where the column is null', () => {
    expect(GivenUses.read(token, null)).toBeUndefined();
    expect(GivenUses.read(token, '')).toBeDefined();
  });
});

describe('a claim', () => {
  it('that names all uses finds no others', () => {
    expect(listOf(use('one')).hasOthersThan(claim('one'))).toBe(false);
    expect(listOf(use('one'), use('two')).hasOthersThan(claim('two', 'one', 'three'))).toBe(false);
  });

  it('finds a use that it does not name', () => {
    expect(listOf(use('one'), use('thief')).hasOthersThan(claim('one'))).toBe(true);
    expect(listOf(use('thief')).hasOthersThan(claim('one'))).toBe(true);
  });

  it('finds a use without a key', () => {
    expect(listOf(use('one'), use(undefined)).hasOthersThan(claim('one'))).toBe(true);
    expect(listOf(use(undefined)).hasOthersThan(claim('one'))).toBe(true);
  });

  it('matches a key of whatever generation it presented', () => {
    const list = listOf(use('one', 6), use('two', 4), use('three', 0));
    expect(list.hasOthersThan(claim('one', 'two', 'three'))).toBe(false);
    expect(list.hasOthersThan(claim('one', 'two'))).toBe(true);
  });

  it('matches the sign-in, which presents no token', () => {
    const first: GivenToken = { ...token, generation: 0 };
    const list = stored(GivenUses.to(first, { generation: SIGN_IN, key: 'login' }), first);
    expect(list.hasOthersThan({ generation: 0, keys: ['login'] })).toBe(false);
    expect(list.hasOthersThan({ generation: 0, keys: ['other'] })).toBe(true);
  });

  it('judges nobody by a list that has overflowed', () => {
    const overflowed = listOf(...numbered(MOST + 1).map((key) => use(key)));
    expect(overflowed.hasOthersThan(claim('one'))).toBe(false);
  });
});

describe('late retries', () => {
  it('are counted for each use', () => {
    let list = listOf(use('one'), use('two'));
    for (const count of [1, 2, 3]) {
      list = stored(list.withLateRetry(use('one')));
      expect(list.lateRetriesOf(use('one'))).toBe(count);
      expect(list.lateRetriesOf(use('two'))).toBe(0);
    }
    expect(stored(list.withLateRetry(use('two'))).lateRetriesOf(use('two'))).toBe(1);
    expect(list.hasOthersThan(claim('one', 'two'))).toBe(false);
  });

  it('of a use that is not in the list change nothing', () => {
    const list = listOf(use('one'));
    expect(String(list.withLateRetry(use('two')))).toBe(String(list));
  });

  it('are counted in a list that has overflowed', () => {
    const overflowed = listOf(...numbered(MOST + 1).map((key) => use(key)));
    expect(stored(overflowed.withLateRetry(use('key-3'))).lateRetriesOf(use('key-3'))).toBe(1);
  });

  it('end at 255, and do not begin again', () => {
    let list = listOf(use('one'));
    for (let count = 0; count < 300; count++) list = list.withLateRetry(use('one'));
    expect(stored(list).lateRetriesOf(use('one'))).toBe(255);
  });
});

describe('the union of two copies', () => {
  const column = (...names: string[]) => String(listOf(...names.map((name) => use(name))));
  const usesIn = (union: string | null, names: string[]) => {
    const list = GivenUses.read(token, union)!;
    return names.filter((name) => list.lateRetriesOf(use(name)) !== undefined);
  };

  it('has the uses of both, each once, those of the first before', () => {
    expect(GivenUses.union(column('a', 'b'), column('b', 'c'))).toBe(column('a', 'b', 'c'));
    expect(GivenUses.union(column('a'), column('a'))).toBe(column('a'));
    expect(GivenUses.union(column('a'), '')).toBe(column('a'));
    expect(GivenUses.union('', column('a'))).toBe(column('a'));
  });

  it('is unknown if either is', () => {
    expect(GivenUses.union(null, column('a'))).toBeNull();
    expect(GivenUses.union(column('a'), null)).toBeNull();
  });

  it('knows a use by its hash, whatever was counted', () => {
    const counted = String(listOf(use('a')).withLateRetry(use('a')));
    expect(GivenUses.union(counted, column('a', 'b'))).toHaveLength(2 * ENTRY);
  });

  it('overflows like a list: it fits the column, and judges nobody', () => {
    const names = fc.uniqueArray(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: MOST + 1 });
    fc.assert(
      fc.property(names, names, (one, other) => {
        const union = GivenUses.union(column(...one), column(...other))!;
        const all = [...new Set([...one, ...other])];
        expect(union.length).toBeLessThanOrEqual(LONGEST_COLUMN);
        expect(GivenUses.hasOverflowed(union)).toBe(all.length > MOST);
        if (all.length <= MOST) expect(usesIn(union, all)).toEqual(all);
        // None of the first copy is lost.
        expect(usesIn(union, one)).toEqual(one);
        if (all.length > MOST) expect(GivenUses.read(token, union)!.hasOthersThan(claim('no use'))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

it('a list knows what was entered, whatever was entered in whatever order', () => {
  const key = fc.option(fc.stringMatching(/^[\w-]{16,20}$/), { nil: undefined, freq: 6 });
  const entered = fc.array(fc.record({ key, generation: fc.integer({ min: -1, max: 6 }) }), { maxLength: 24 });
  fc.assert(
    fc.property(entered, (uses) => {
      const different = new Map(uses.map((one) => [`${one.generation} ${one.key}`, one]));
      const list = listOf(...uses);
      expect(list.overflowed).toBe(different.size > MOST);
      expect(String(list)).toHaveLength(ENTRY * Math.min(different.size, MOST + 1));
      for (const one of [...different.values()].slice(0, MOST + 1)) expect(list.lateRetriesOf(one)).toBe(0);

      const named = [...different.values()].flatMap(({ key }) => key ?? []);
      const anonymous = [...different.values()].some(({ key }) => key === undefined);
      if (!list.overflowed) expect(list.hasOthersThan(claim(...named))).toBe(anonymous);
      else expect(list.hasOthersThan(claim(...named))).toBe(false);
    }),
    { numRuns: 500 },
  );
});
