import { beforeAll, describe, expect, test } from 'vitest';
import { accusationOf } from '../support/chain.js';
import { ClientHistories, Owner } from '../support/client-history.js';
import { generationIn } from '../support/client-network.js';
import { freshKey } from '../support/keyed-client.js';
import { listening, MINUTE, SECOND } from '../support/listening.js';
import { seeded } from '../support/seeded.js';

/** A failure names it. With `HISTORY_SEED` the same histories run again. */
const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.HISTORIES ?? 30);
/** The owner refreshes so often after the theft, if nobody ends the session. */
const MOST_REFRESHES = 12;

type When = 'just before the owner' | 'just after the owner' | 'at random';
const WHEN: When[] = ['just before the owner', 'just after the owner', 'at random'];

/** What a thief does, whenever it is its turn. Resolves to whether it was answered with a token. */
type Thief = (owner: Owner) => () => Promise<boolean>;

/** It has copied the refresh token, and nothing else. */
const withTheToken =
  (sendsKeys: boolean, claims: boolean): Thief =>
  (owner) => {
    let token = owner.device.session!.refreshToken;
    return async () => {
      const got = await owner.deliver({
        path: '/auth/refresh',
        body: {
          refresh_token: token,
          ...(sendsKeys && { idempotency_key: freshKey() }),
          ...(claims && { received_with: { generation: generationIn(token), keys: [freshKey()] } }),
        },
      });
      if (got.status === 200) token = (JSON.parse(got.text) as { refresh_token: string }).refresh_token;
      return got.status === 200;
    };
  };

/** It has copied the device once, and runs the same client on the copy. */
const withTheDevice: Thief = (owner) => {
  const clone = owner.launch(owner.device.copy());
  return async () => {
    const before = owner.refreshes;
    await owner.time.until(clone.refresh());
    return owner.refreshes > before;
  };
};

/** Returns how many refreshes of the owner were answered with a token, after the thief had been answered with one. */
async function rob(histories: ClientHistories, thief: Thief, when: When, chance: () => number): Promise<number> {
  const owner = new Owner(histories.app, histories.start, chance, false);
  try {
    const process = await owner.signIn();
    const ended = () => accusationOf(histories.app, owner.sessionId) !== undefined;
    const refresh = async () => {
      const before = owner.refreshes;
      await owner.time.until(process.refresh());
      return owner.refreshes > before;
    };
    for (let use = Math.floor(chance() * 3); use > 0; use--) {
      owner.time.jump(12 * MINUTE);
      await refresh();
    }
    const steal = thief(owner);
    let answered = false;
    let refreshes = 0;
    while (!ended() && refreshes <= MOST_REFRESHES) {
      owner.time.jump(12 * MINUTE * (0.5 + chance()));
      const isBefore = when === 'just before the owner' || (when === 'at random' && chance() < 0.5);
      const pause = when === 'at random' ? chance() * 12 * MINUTE : SECOND;
      if (isBefore) answered = (await steal()) || answered;
      if (isBefore) owner.time.jump(pause);
      if ((await refresh()) && answered) refreshes++;
      if (ended() || isBefore) continue;
      owner.time.jump(pause);
      answered = (await steal()) || answered;
    }
    expect(ended(), owner.story.join('\n')).toBe(true);
    return refreshes;
  } finally {
    owner.stop();
  }
}

describe(`the session of the client, which a thief shares (seed ${seed})`, () => {
  const app = listening('fastify');
  let histories: ClientHistories;
  beforeAll(async () => {
    histories = await ClientHistories.on(app);
  });

  /** How often a session ended after so many refreshes of the owner. */
  async function count(thief: Thief, when: When): Promise<number[]> {
    const counts: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      app.events.length = 0;
      const refreshes = await rob(histories, thief, when, seeded(seed + run)).catch((error: Error) => {
        throw new Error(`HISTORY_SEED=${seed + run} HISTORIES=1\n${error.message}`, { cause: error });
      });
      counts[refreshes] = (counts[refreshes] ?? 0) + 1;
    }
    return Array.from(counts, (times) => times ?? 0);
  }

  describe.each(WHEN)('and who refreshes %s', (when) => {
    test.each([
      ['with keys of its own', true, false],
      ['with keys and claims of its own', true, true],
      ['without keys', false, false],
    ])('with a copied token, %s: ends at the second refresh of the owner', async (title, sendsKeys, claims) => {
      const counts = await count(withTheToken(sendsKeys, claims), when);
      console.log(`a copied token, ${title}, ${when}: ended after`, counts);
      // The second completed refresh is the one that ends it.
      expect(counts.length).toBeLessThanOrEqual(2);
    });

    test('with a copy of the whole store: ends soon', async () => {
      const counts = await count(withTheDevice, when);
      console.log(`a copied store, ${when}: ended after`, counts);
      expect(counts.length).toBeLessThanOrEqual(4);
    });
  });
});
