import { describe, expect, it } from 'vitest';
import { FAULTS, honestHistories, INSTANCES } from './histories.js';
import { MINUTE, RINGS, SECOND } from './model.js';
import { claimOf, ScriptedSession } from './scripted-session.js';
import { theftHistories } from './thefts.js';
import { THIEVES } from './thieves.js';

const SIGN_IN = 'sign-in-key-0000';

/** The first refresh comes long after the sign-in. */
function session(): ScriptedSession {
  const session = new ScriptedSession();
  session.wait(11 * MINUTE);
  return session;
}

/** Short histories that the random ones have found. */
describe('short histories', () => {
  it('a thief cannot keep a window open by repeating a use of a token that is two behind', () => {
    const { store, answers } = keptOpen(session());
    // The window of a late retry is for the predecessor only.
    expect(answers.slice(0, 6)).toEqual([
      'rotate 1',
      'rotate 2',
      'repeat 2',
      'late retry 2',
      'rotate 3',
      'reuse_detected',
    ]);
    expect(store.row.revokedReason).toBe('reuse_detected');
  });

  /** The ledger is not known, for example after an update of the app. The access token becomes stale at once. */
  it.each([
    ['a claim with the use that was still under way is true', ['key-of-tab-a-02', 'key-of-tab-b-01'], 'rotate 3'],
    ['a claim without it is false', ['key-of-tab-a-02'], 'token_shared'],
  ])('two tabs that claimed nothing: %s', (_, claimed, expected) => {
    const tabs = session();
    tabs.refresh(0, 'key-of-tab-a-01');
    tabs.refresh(1, 'key-of-tab-a-02', 'key-of-tab-a-01', 'key-of-tab-b-01');
    tabs.wait(SECOND);
    tabs.refresh(0, 'key-of-tab-b-01');
    tabs.wait(11 * MINUTE);
    expect(tabs.refresh(2, 'key-of-tab-a-03', ...claimed)).toBe(expected);
  });

  it('a thief is found while two processes alternate between two secrets', () => {
    const stolen = session();
    const processes = [
      { ring: RINGS.new, offset: 0 },
      { ring: RINGS.old, offset: 0 },
    ];
    let claimed = SIGN_IN;
    const owner: string[] = [];
    for (let generation = 0; generation < 4; generation++) {
      const process = processes[generation % 2];
      stolen.send({ generation, key: `thief-key-${generation}` }, process);
      const key = `owner-key-${generation}`;
      owner.push(stolen.send({ generation, key, claim: claimOf(generation, [claimed]) }, process));
      claimed = key;
      stolen.wait(11 * MINUTE);
    }
    expect(owner).toContain('token_shared');
  });

  it('the third straggler of a minute is reuse, because the lists know two generations', () => {
    const quick = session();
    quick.refresh(0, 'own-key-00000001', SIGN_IN);
    quick.wait(15 * SECOND);
    quick.refresh(1, 'own-key-00000002', 'own-key-00000001');
    expect(quick.refresh(0, 'own-key-00000001', SIGN_IN)).toBe('superseded');
    quick.wait(15 * SECOND);
    quick.refresh(2, 'own-key-00000003', 'own-key-00000002');
    quick.wait(11 * SECOND);
    expect(quick.refresh(0, 'own-key-00000001', SIGN_IN)).toBe('reuse_detected');
  });

  it('tabs with keys of their own have one late first request a day; tabs that share one use have many', () => {
    const tabs = session();
    for (const [generation, expected] of [
      [0, 'late late 1'],
      [1, 'reuse_detected'],
    ] as const) {
      const claimed = generation === 0 ? [SIGN_IN] : ['key-of-tab-a-00', 'key-of-tab-b-00'];
      tabs.refresh(generation, `key-of-tab-a-0${generation}`, ...claimed);
      tabs.wait(11 * SECOND);
      expect(tabs.refresh(generation, `key-of-tab-b-0${generation}`, ...claimed)).toBe(expected);
      tabs.wait(11 * MINUTE);
    }

    const shared = session();
    for (let generation = 0; generation < 20; generation++) {
      const claimed = generation === 0 ? SIGN_IN : `shared-key-${generation - 1}`;
      shared.refresh(generation, `shared-key-${generation}`, claimed);
      shared.wait(11 * SECOND);
      const again = shared.refresh(generation, `shared-key-${generation}`, claimed);
      expect(again).toBe(`late retry ${generation + 1}`);
      shared.wait(11 * MINUTE);
    }
  });

  it('a client that is superseded and presents its token afresh claims both keys', () => {
    const careful = session();
    careful.refresh(0, 'own-key-00000001', SIGN_IN);
    for (const expected of ['late retry 1', 'late retry 1', 'late retry 1', 'superseded']) {
      careful.wait(11 * MINUTE);
      expect(careful.refresh(0, 'own-key-00000001', SIGN_IN)).toBe(expected);
    }
    expect(careful.refresh(0, 'own-key-00000002', SIGN_IN)).toBe('late late 1');
    careful.wait(11 * MINUTE);
    // Only the second key would be the claim of a client that has forgotten the first, and would end the session.
    expect(careful.refresh(1, 'own-key-00000003', 'own-key-00000001', 'own-key-00000002')).toBe('rotate 2');
  });
});

describe('random histories', () => {
  it('of clocks that are ten seconds apart sign tabs out, because nothing is left of the window', () => {
    const options = { histories: 10, seed: 1, uses: 360, faults: FAULTS.ordinary };
    const { signedOut, shared } = honestHistories({ ...options, instances: INSTANCES.apart(5 * SECOND) });
    expect({ signedOut, shared }).toEqual({ signedOut: 10, shared: 0 });
    expect(honestHistories({ ...options, instances: INSTANCES.apart(3.4 * SECOND) })).toMatchObject({ signedOut: 0 });
  });

  it('of a thief that looks back end', () => {
    const thief = THIEVES['that looks back'];
    expect(theftHistories({ faults: FAULTS.none, thief }, 10, 1).broken).toEqual([]);
  });

  it('of a thief that makes a list overflow do not end; the overflow raises an alert', () => {
    const thief = { follows: SECOND, uses: 17 };
    const { thefts, broken } = theftHistories({ faults: FAULTS.none, thief }, 10, 1);
    expect(thefts).toBe(10);
    expect(broken).toHaveLength(10);
  });
});

/** A thief with token 0 steps twice, and presents token 0 again and again. The owner comes each minute. */
function keptOpen(stolen: ScriptedSession) {
  const answers: string[] = [];
  const steal = (generation: number, key: string) => answers.push(stolen.refresh(generation, `thief-${key}`));
  steal(0, 'a');
  steal(1, 'b');
  steal(0, 'back-2');
  for (let live = 2; live < 22; live++) {
    stolen.wait(10 * SECOND);
    steal(0, `back-${live}`);
    steal(live, `step-${live}`);
    steal(0, `back-${live + 1}`);
    stolen.refresh(0, `owner-key-${live}`, SIGN_IN);
  }
  return { store: stolen.store, answers };
}
