import fc from 'fast-check';
import { type AuthError, type IssuedTokens } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const GRACE = 10_000;
const DAY = 86_400_000;
const MOST_LATE_RETRIES = 3;
const alice = { id: 'user-alice', roles: ['user'] };

/** What one who holds a copy of a token may do, and what may happen meanwhile. */
type Step =
  /**
   * Refreshes with the token that this holder has; with `lost`, the answer does not arrive. The next request is then a
   * retry, unless it is `afresh`.
   */
  | { type: 'refresh'; holder: number; lost: boolean; afresh: boolean }
  /** Takes a copy of what another holder has; with `ledger`, it also knows by which use it came. */
  | { type: 'copy'; from: number; to: number; ledger: boolean }
  | { type: 'wait'; milliseconds: number }
  /** The database loses what it has committed since one of the earlier steps. */
  | { type: 'rollback'; steps: number }
  | { type: 'revoke' };

/** The first two send keys and claims, the third sends keys, and the last one sends nothing. */
const HOLDERS = 4;
const holder = fc.nat(HOLDERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 80,
    arbitrary: fc.record({
      type: fc.constant('refresh' as const),
      holder,
      lost: fc.boolean(),
      afresh: fc.boolean(),
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({ type: fc.constant('copy' as const), from: holder, to: holder, ledger: fc.boolean() }),
  },
  {
    weight: 40,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      milliseconds: fc.oneof(
        fc.integer({ min: 1, max: 2 * GRACE }),
        fc.constantFrom(GRACE - 1, GRACE, GRACE + 1, DAY - 1, DAY),
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('rollback' as const), steps: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('revoke' as const) }) },
);

/** The database loses a refresh whose answer has arrived. By chance, this is missing in one run of a hundred. */
const LOST_COMMIT: Step[] = [
  { type: 'refresh', holder: 0, lost: false, afresh: true },
  { type: 'rollback', steps: 2 },
  { type: 'refresh', holder: 0, lost: false, afresh: true },
];

/** One who holds a token, and what it remembers. */
class Holder {
  /** The key of the use that is not answered yet. */
  pending: string | undefined;
  private uses = 0;

  constructor(
    private readonly name: string,
    private readonly says: 'claims' | 'keys' | 'nothing',
    public generation: number,
    /** By which use the token came; `undefined` if that is not known. */
    public receivedWith: string | undefined,
  ) {}

  use(afresh: boolean): Use {
    if (this.says === 'nothing') return { generation: this.generation };
    if (afresh) this.pending = undefined;
    this.pending ??= `${this.name}-use-number-${++this.uses}`;
    const claim = this.says === 'claims' ? this.receivedWith : undefined;
    return { generation: this.generation, key: this.pending, claim };
  }

  received(generation: number, { key }: Use): void {
    this.generation = generation;
    this.receivedWith = key;
    this.pending = undefined;
  }
}

interface Use {
  readonly generation: number;
  readonly key?: string;
  /** The key of the use by which the token came. */
  readonly claim?: string;
}

/** What is owed for a request: the token of a generation, or no token. */
type Owed = number | 'superseded' | 'invalid_grant';

/** What the session remembers of its past, told anew: from the order of the requests alone. */
interface Past {
  live: number;
  /** Which uses were answered with the live token, and how often after the window; by generation and key. */
  answered: Map<string, number>;
  /** The same for its predecessor; `undefined` after the database has lost commits. */
  answeredBefore: Map<string, number> | undefined;
  burst: { from: number; startedAt: number };
  nextLateAnswerAt: number;
}

class Promised {
  alive = true;
  past: Past = {
    live: 0,
    answered: new Map([['-1 sign-in-with-this-key', 0]]),
    answeredBefore: undefined,
    burst: { from: 0, startedAt: -Infinity },
    nextLateAnswerAt: -Infinity,
  };

  answerTo({ generation, key, claim }: Use, now: number): Owed {
    if (!this.alive) return 'invalid_grant';
    const { live, answered, answeredBefore, burst, nextLateAnswerAt } = this.past;
    const use = `${generation} ${key ?? 'anonymous'}`;
    const open = generation >= burst.from && now < burst.startedAt + GRACE;

    if (key !== undefined && generation < live && answered.has(use)) {
      if (open) return live;
      const late = answered.get(use)!;
      if (late === MOST_LATE_RETRIES || generation < live - 1) return 'superseded';
      answered.set(use, late + 1);
      this.past.burst = { from: live - 1, startedAt: now };
      return live;
    }
    if (key !== undefined && generation < live - 1 && answeredBefore?.has(use)) return 'superseded';

    const holders = generation === live ? answered : generation === live - 1 ? answeredBefore : undefined;
    if (claim !== undefined && holders && [...holders.keys()].some((one) => one.split(' ')[1] !== claim)) {
      return this.end();
    }
    if (generation >= live) return this.succeed(generation, use, now);
    if (open) {
      if (claim !== undefined && generation < live - 1) return 'superseded';
      this.enter(use);
      return live;
    }
    if (generation === live - 1 && claim !== undefined && now >= nextLateAnswerAt) {
      this.enter(use);
      this.past.burst = { from: generation, startedAt: now };
      this.past.nextLateAnswerAt = now + DAY;
      return live;
    }
    return this.end();
  }

  end(): 'invalid_grant' {
    this.alive = false;
    return 'invalid_grant';
  }

  private succeed(generation: number, use: string, now: number): number {
    const { live, answered, burst } = this.past;
    const adopted = generation > live;
    if (adopted || now >= burst.startedAt + GRACE) this.past.burst = { from: live, startedAt: now };
    this.past.answeredBefore = adopted ? undefined : answered;
    this.past.answered = new Map([[use, 0]]);
    this.past.live = generation + 1;
    return this.past.live;
  }

  /** A list with more than 16 uses judges nobody. The histories here are too short for that. */
  private enter(use: string): void {
    if (!this.past.answered.has(use)) this.past.answered.set(use, 0);
  }
}

describe('refreshes, retries, thefts, revocations, lost commits and time, in any order', () => {
  let context: AuthContext;
  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create(), {
      options: {
        refreshToken: { grace: '10s', ttl: '400d', idleTtl: '400d', lateAnswers: { burst: 1, per: '1d' } },
      },
    });
  });
  afterAll(() => context.close());

  it('each token has one successor, no reuse is seen inside the window, and all of it after', async () => {
    const { service, clock, dataSource } = context;
    const rows = dataSource.getRepository(RefreshToken);
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const signIn = 'sign-in-with-this-key';
        const first = await service.issue(alice, { transport: 'body' }, {}, {}, { idempotencyKey: signIn });
        const { sessionId: id } = first;
        /** The token of each generation, whoever was given it and whenever. */
        const tokens = [first.refreshToken];
        const promised = new Promised();
        const holders = (['claims', 'claims', 'keys', 'nothing'] as const).map(
          (says, index) => new Holder(`holder-${index}`, says, 0, signIn),
        );
        const snapshots: { row: RefreshToken; past: Past }[] = [];

        for (const action of steps) {
          snapshots.push({ row: await rows.findOneByOrFail({ id }), past: structuredClone(promised.past) });
          switch (action.type) {
            case 'wait':
              clock.advance(action.milliseconds);
              break;
            case 'copy': {
              const [from, to] = [holders[action.from], holders[action.to]];
              if (from !== to) to.received(from.generation, { generation: from.generation });
              if (from !== to && action.ledger) to.receivedWith = from.receivedWith;
              break;
            }
            case 'revoke':
              await service.revoke(id, 'logout');
              promised.end();
              break;
            case 'rollback': {
              // A revocation is not lost here: then nothing would be left to compare.
              const { row, past } = snapshots.at(-Math.min(action.steps, snapshots.length))!;
              const { revokedAt, revokedReason, accessFloor, floorRaisedAt } = await rows.findOneByOrFail({ id });
              await rows.update(id, { ...row, revokedAt, revokedReason, accessFloor, floorRaisedAt });
              promised.past = structuredClone(past);
              break;
            }
            case 'refresh': {
              const who = holders[action.holder];
              const use = who.use(action.afresh);
              const owed = promised.answerTo(use, clock.now());
              const answer = await answerOf(tokens[use.generation], use);
              if (typeof answer === 'string') {
                expect(answer).toBe(owed);
                seen.add(answer);
                break;
              }
              expect(answer.generation).toBe(owed);
              // The same token again, also after the database has lost that it was issued.
              tokens[answer.generation] ??= answer.refreshToken;
              expect(answer.refreshToken).toBe(tokens[answer.generation]);
              if (!action.lost) who.received(answer.generation, use);
            }
          }
        }
        expect(new Set(tokens).size).toBe(tokens.length);
        expect((await service.list(alice.id)).some((session) => session.id === id)).toBe(promised.alive);
        await service.revoke(id, 'logout');
      }),
      { numRuns: 600, examples: [[LOST_COMMIT]] },
    );
    // What is compared does happen.
    for (const { type, reason, reasons } of context.events)
      [type, reason, ...(reasons ?? [])].forEach((one) => one && seen.add(one));
    const all = ['superseded', 'reuse_detected', 'token_shared', 'row_rolled_back', 'late_answer', 'late_retry'];
    expect([...seen]).toEqual(expect.arrayContaining([...all, 'refreshed', 'refresh_repeated', 'revoked']));
  });

  it('whatever the order in which parallel refreshes read, load the user and write', async () => {
    const { service, users, clock, dataSource } = context;
    const { loadUser } = users;
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 6 }),
        fc.nat(2),
        fc.boolean(),
        async (scheduler, parallel, before, keyed) => {
          let { refreshToken, sessionId } = await service.issue(alice, { transport: 'body' });
          for (let i = 0; i < before; i++) {
            ({ refreshToken, sessionId } = await service.refresh(refreshToken));
            clock.advance(2 * GRACE);
          }
          // Between the reading and the writing of a refresh lies the host's user provider: it decides the order.
          users.loadUser = async (id) => {
            await scheduler.schedule(Promise.resolve());
            return loadUser(id);
          };
          const uses = Array.from({ length: parallel }, (_, index) =>
            keyed ? { idempotencyKey: `parallel-use-${index}` } : {},
          );
          const all = Promise.all(uses.map((use) => service.refresh(refreshToken, {}, {}, use)));
          await scheduler.waitFor(all);
          users.loadUser = loadUser;

          const successors = new Set((await all).map((issued) => issued.refreshToken));
          expect(successors.size).toBe(1);
          // Each of the uses is entered, in whatever order they were written. Those without a key are one.
          const { given } = await dataSource.getRepository(RefreshToken).findOneByOrFail({ id: sessionId });
          expect(given!.length / 16).toBe(keyed ? parallel : 1);
          clock.advance(2 * GRACE);
          for (const use of keyed ? uses : []) {
            const retry = await service.refresh(refreshToken, {}, {}, use);
            expect(successors).toContain(retry.refreshToken);
            clock.advance(2 * GRACE);
          }
          await expect(service.refresh([...successors][0])).resolves.toMatchObject({ sessionId });
        },
      ),
      { numRuns: 250 },
    );
  });

  async function answerOf(
    token: string,
    { generation, key, claim }: Use,
  ): Promise<IssuedTokens | Exclude<Owed, number>> {
    const receivedWith = claim === undefined ? undefined : { generation, keys: [claim] };
    try {
      return await context.service.refresh(token, {}, {}, { idempotencyKey: key, receivedWith });
    } catch (error) {
      return (error as AuthError).code as Exclude<Owed, number>;
    }
  }
});
