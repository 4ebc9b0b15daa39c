import { describe, expect, test } from 'vitest';
import type { AuthApp } from '../support/auth-app.js';
import {
  accusationOf,
  BETWEEN_REFRESHES,
  expectAccused,
  expectGoodStanding,
  rowOf,
  signedInClient,
} from '../support/chain.js';
import {
  type ClientStore,
  freshKey,
  type Habits,
  Killed,
  killedAt,
  type KeyedClient,
  type KeyedRequest,
  present,
  SignedOut,
  WITHOUT_KEYS,
} from '../support/keyed-client.js';
import { DAY, HOUR, listening, MINUTE, SECOND } from '../support/listening.js';
import { seeded } from '../support/seeded.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** When a thief refreshes. Each function gets the time, and the time of the owner's next refresh. */
interface Thief {
  thief: string;
  /** The first time, after the theft. */
  first(now: number, ownersNext: number, random: () => number): number;
  /** The time after that. */
  next(now: number, ownersNext: number, random: () => number): number;
  /** The time after a refresh of the owner, if the thief watches the owner. */
  follow?(now: number, ownersNext: number): number;
  /** How often it refreshes each time. */
  steps?: number;
  withoutKey?: boolean;
  /** It has copied the device: store and ledger, and runs the same client on it. */
  clone?: boolean;
  /** It claims to know which use brought the token. */
  claims?: boolean;
}

const never = () => Infinity;
const justAfter = {
  first: (_: number, owner: number) => owner + SECOND,
  next: never,
  follow: (now: number) => now + SECOND,
};
const justBefore = {
  first: (_: number, owner: number) => owner - SECOND,
  next: never,
  follow: (_: number, owner: number) => owner - SECOND,
};
const atRandom = {
  first: (now: number, _: number, random: () => number) => now + random() * HOUR,
  next: (now: number, _: number, random: () => number) => now + random() * HOUR,
};

const THIEVES: Thief[] = [
  { thief: 'just after the owner', ...justAfter },
  { thief: 'just before the owner', ...justBefore },
  { thief: 'two steps just before the owner', ...justBefore, steps: 2 },
  { thief: 'five steps just before the owner', ...justBefore, steps: 5 },
  { thief: 'at random', ...atRandom },
  {
    thief: 'once a day',
    first: (now, _, random) => now + random() * DAY,
    next: (now) => now + DAY,
  },
  { thief: 'only once, just before the owner', first: justBefore.first, next: never },
  { thief: 'only once, just after the owner', first: justAfter.first, next: never },
  { thief: 'without a key, just after the owner', ...justAfter, withoutKey: true },
  { thief: 'without a key, just before the owner', ...justBefore, withoutKey: true },
  { thief: 'without a key, at random', ...atRandom, withoutKey: true },
  { thief: 'on a cloned device, just after the owner', ...justAfter, clone: true },
  { thief: 'on a cloned device, just before the owner', ...justBefore, clone: true },
  { thief: 'on a cloned device, at random', ...atRandom, clone: true },
  { thief: 'with a claim of its own, just before the owner', ...justBefore, claims: true },
];

interface Robbery {
  sessionId: string;
  /** How often the thief was answered with a token. */
  answered: number;
  /** The owner's refreshes that were answered with a token after that. */
  ownersRefreshes: number;
  ended: boolean;
}

/** A thief steals the token of an owner who refreshes every 12 minutes, for three days at most. */
async function rob(app: AuthApp, thief: Thief, seed: number, habits?: Habits): Promise<Robbery> {
  const random = seeded(seed);
  const owner = await signedInClient(app, { habits });
  const end = app.clock.now() + 3 * DAY;
  const robbery: Robbery = { sessionId: owner.sessionId, answered: 0, ownersRefreshes: 0, ended: false };
  const ended = () => accusationOf(app, owner.sessionId) !== undefined;

  let ownersNext = app.clock.now() + random() * BETWEEN_REFRESHES;
  let theft = app.clock.now() + random() * HOUR;
  let thiefsNext = Infinity;
  let holder: ((next: Robbery) => Promise<boolean>) | undefined;

  while (!ended() && app.clock.now() < end) {
    const now = Math.min(ownersNext, theft, thiefsNext);
    app.clock.time = Math.max(app.clock.now(), now);
    if (now === theft) {
      theft = Infinity;
      holder = holderOf(app, owner, thief);
      thiefsNext = thief.first(now, ownersNext, random);
    } else if (now === thiefsNext) {
      const goesOn = await holder!(robbery);
      thiefsNext = goesOn ? thief.next(now, ownersNext, random) : Infinity;
      if (!goesOn) holder = undefined;
    } else {
      await owner.refresh().then(
        () => robbery.answered > 0 && robbery.ownersRefreshes++,
        (error: unknown) => expect(error).toBeInstanceOf(SignedOut),
      );
      ownersNext = app.clock.now() + BETWEEN_REFRESHES;
      if (holder && thief.follow) thiefsNext = thief.follow(app.clock.now(), ownersNext);
    }
  }
  return { ...robbery, ended: ended() };
}

/** What the thief does each time. Resolves to whether it still has a token that works. */
function holderOf(app: AuthApp, owner: KeyedClient, { steps = 1, withoutKey, clone, claims }: Thief) {
  if (clone) {
    const device = owner.restarted({ store: owner.store.copy() });
    return async (robbery: Robbery) => {
      await device.refresh().catch((error: unknown) => expect(error).toBeInstanceOf(SignedOut));
      if (accusationOf(app, robbery.sessionId)) return false;
      robbery.answered++;
      return true;
    };
  }
  let { token } = owner;
  let generation = owner.store.read()!.generation;
  return async (robbery: Robbery) => {
    for (let step = 0; step < steps; step++) {
      const answer = await present(app.url, {
        headers: {},
        body: {
          refresh_token: token,
          ...(!withoutKey && { idempotency_key: freshKey() }),
          ...(claims && { received_with: { generation, keys: [freshKey()] } }),
        },
      });
      if (answer.status !== 200) return false;
      robbery.answered++;
      ({ refresh_token: token, generation } = answer.body);
    }
    return true;
  };
}

describe('the session of an owner with keys and claims ends by a thief', () => {
  const app = listening('express');

  describe.each(THIEVES)('$thief', (thief) => {
    test.each(SEEDS)('at the latest at the second refresh of the owner (seed %i)', async (seed) => {
      const { sessionId, ownersRefreshes, ended } = await rob(app, thief, seed);
      expect(ended).toBe(true);
      expect(ownersRefreshes).toBeLessThan(2);
      await expectAccused(app, sessionId);
    });
  });

  test('who filled the list of uses once: an alert at once, and the end as soon as it uses the token', async () => {
    const owner = await signedInClient(app);
    const { token } = owner;
    await owner.refresh();
    const successors = await overflow(app, token);
    expect(alertsOf(app, owner.sessionId, 'uses_overflowed')).toBe(1);

    app.clock.advance(BETWEEN_REFRESHES);
    expect(await owner.refresh()).toMatchObject({ status: 200 });
    app.clock.advance(MINUTE);
    // It has no claim, so its predecessor is reuse.
    expect((await steal(app, successors[0])).status).toBe(401);
    await expectAccused(app, owner.sessionId, 'reuse_detected');
  });
});

describe('a thief who replays recorded requests of the owner', () => {
  const app = listening('fastify');

  /** An owner, and the last request that it sent. */
  async function overheard() {
    const requests: KeyedRequest[] = [];
    const owner = await signedInClient(app, {
      network: (request) => {
        requests.push(request);
        return present(app.url, request);
      },
    });
    app.clock.advance(BETWEEN_REFRESHES);
    await owner.refresh();
    return { owner, request: requests[0] };
  }

  // What does not hold.
  test('is answered while the answer is unused: any number of times within the window, three times after it', async () => {
    const { owner, request } = await overheard();
    for (let replay = 0; replay < 5; replay++) expect((await present(app.url, request)).status).toBe(200);
    for (let replay = 0; replay < 3; replay++) {
      app.clock.advance(MINUTE);
      expect((await present(app.url, request)).status).toBe(200);
    }
    app.clock.advance(MINUTE);
    expect(await present(app.url, request)).toMatchObject({ status: 409, body: { error: 'superseded' } });

    const late = app.events.filter(({ sessionId, reason }) => sessionId === owner.sessionId && reason === 'late_retry');
    expect(late).toHaveLength(3);
    await owner.refresh();
    await expectGoodStanding(app, owner.sessionId);
  });

  test('is answered with no token after the owner used the answer', async () => {
    const { owner, request } = await overheard();
    app.clock.advance(BETWEEN_REFRESHES);
    await owner.refresh();
    expect(await present(app.url, request)).toMatchObject({ status: 409, body: { error: 'superseded' } });
    await expectGoodStanding(app, owner.sessionId);
  });

  test('ends the session when it uses the answer, at the latest at the second refresh of the owner', async () => {
    for (const pause of [0, SECOND, MINUTE, HOUR]) {
      const { owner, request } = await overheard();
      const replayed = await present(app.url, request);
      expect((await steal(app, replayed.body.refresh_token)).status).toBe(200);
      app.clock.advance(pause);
      const refreshes = await refreshUntilSignedOut(app, owner);
      expect(refreshes, `after ${pause} ms`).toBeLessThan(2);
      await expectAccused(app, owner.sessionId, 'token_shared');
    }
  });
});

describe('what does not hold', () => {
  const app = listening('express');

  test('without keys, a thief in lock-step within the window stays in: only an alert tells', async () => {
    for (const before of [true, false]) {
      const owner = await signedInClient(app, { habits: WITHOUT_KEYS });
      let { token: stolen } = owner;
      const thief = async () => {
        const answer = await steal(app, stolen, { idempotency_key: undefined });
        expect(answer.status).toBe(200);
        stolen = answer.body.refresh_token;
      };
      for (let round = 0; round < 20; round++) {
        app.clock.advance(BETWEEN_REFRESHES);
        if (before) await thief();
        app.clock.advance(SECOND);
        await owner.refresh();
        app.clock.advance(SECOND);
        if (!before) await thief();
      }
      await expectGoodStanding(app, owner.sessionId);
      expect(alertsOf(app, owner.sessionId, 'repeated_in_a_row')).toBe(1);
    }
  });

  test('without keys, a thief out of step is reuse', async () => {
    const owner = await signedInClient(app, { habits: WITHOUT_KEYS });
    await steal(app, owner.token, { idempotency_key: undefined });
    app.clock.advance(11 * SECOND);
    await expect(owner.refresh()).rejects.toThrow(SignedOut);
    await expectAccused(app, owner.sessionId, 'reuse_detected');
  });

  test('a thief who reads the ledger of the owner at each use stays in', async () => {
    const owner = await signedInClient(app);
    for (let round = 0; round < 10; round++) {
      app.clock.advance(BETWEEN_REFRESHES);
      await expect(owner.restarted({ at: killedAt('when it has written the key down') }).refresh()).rejects.toThrow(
        Killed,
      );
      const stolen: ClientStore = owner.store.copy();
      expect(await owner.restarted({ store: stolen }).refresh()).toMatchObject({ status: 200 });
      expect(await owner.restarted().refresh()).toMatchObject({ status: 200 });
      expect(owner.token).toBe(stolen.read()!.token);
    }
    await expectGoodStanding(app, owner.sessionId);
  });

  test('a thief who fills the list of uses each time stays in: an alert each time', async () => {
    const owner = await signedInClient(app);
    let { token: stolen } = owner;
    for (let round = 1; round <= 5; round++) {
      app.clock.advance(BETWEEN_REFRESHES);
      expect(await owner.refresh()).toMatchObject({ status: 200 });
      app.clock.advance(SECOND);
      [stolen] = await overflow(app, stolen);
      expect(alertsOf(app, owner.sessionId, 'uses_overflowed')).toBe(round);
    }
    expect(await rowOf(app, owner.sessionId)).toMatchObject({ revokedAt: null });
  });
});

/** One request of a thief. */
function steal(app: AuthApp, token: string, more: object = { idempotency_key: freshKey() }) {
  return present(app.url, { headers: {}, body: { refresh_token: token, ...more } });
}

/** More uses of a predecessor than a list holds. */
async function overflow(app: AuthApp, token: string): Promise<string[]> {
  const successors: string[] = [];
  for (let use = 0; use < 17; use++) {
    const answer = await steal(app, token);
    expect(answer.status).toBe(200);
    successors.push(answer.body.refresh_token);
  }
  return successors;
}

function alertsOf({ events }: AuthApp, sessionId: string, reason: string): number {
  return events.filter((event) => event.sessionId === sessionId && event.alert && event.reasons?.includes(reason))
    .length;
}

/** @returns how often the owner was answered with a token */
async function refreshUntilSignedOut(app: AuthApp, owner: KeyedClient): Promise<number> {
  for (let refreshes = 0; ; refreshes++) {
    try {
      await owner.refresh();
    } catch (error) {
      expect(error).toBeInstanceOf(SignedOut);
      return refreshes;
    }
    app.clock.advance(BETWEEN_REFRESHES);
  }
}
