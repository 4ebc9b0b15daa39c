import fc from 'fast-check';
import { type AuthError, type IssuedTokens } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const GRACE = 10_000;
const alice = { id: 'user-alice', roles: ['user'] };

/** What one who holds a copy of a token may do, and what may happen meanwhile. */
type Step =
  /** Refreshes with the token that this holder has; with `lost`, the answer does not arrive. */
  | { type: 'refresh'; holder: number; lost: boolean }
  /** Takes a copy of what another holder has. */
  | { type: 'copy'; from: number; to: number }
  | { type: 'wait'; milliseconds: number }
  | { type: 'revoke' };

const HOLDERS = 3;
const holder = fc.nat(HOLDERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 80, arbitrary: fc.record({ type: fc.constant('refresh' as const), holder, lost: fc.boolean() }) },
  { weight: 30, arbitrary: fc.record({ type: fc.constant('copy' as const), from: holder, to: holder }) },
  {
    weight: 40,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      milliseconds: fc.oneof(fc.integer({ min: 1, max: 2 * GRACE }), fc.constantFrom(GRACE - 1, GRACE, GRACE + 1)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('revoke' as const) }) },
);

/** The promise, told anew: which answer each token is owed, from the order of the refreshes alone. */
class Promised {
  /** Every token of the session; the last one is live. */
  readonly tokens: string[];
  private rotatedAt = 0;
  private dead = false;

  constructor(first: string) {
    this.tokens = [first];
  }

  get alive(): boolean {
    return !this.dead;
  }

  end(): void {
    this.dead = true;
  }

  /** `'new'`: a token never seen before. `'refused'`: no token. Else the very token that is owed. */
  answerTo(token: string, now: number): string {
    const live = this.tokens.length - 1;
    const generation = this.tokens.indexOf(token);
    if (this.dead) return 'refused';
    if (generation === live) return 'new';
    if (generation === live - 1 && now < this.rotatedAt + GRACE) return this.tokens[live];
    this.dead = true;
    return 'refused';
  }

  rotatedTo(token: string, now: number): void {
    this.tokens.push(token);
    this.rotatedAt = now;
  }
}

describe('refreshes, retries, thefts, revocations and time, in any order', () => {
  let context: AuthContext;
  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create(), {
      options: { refreshToken: { grace: '10s' } },
    });
  });
  afterAll(() => context.close());

  it('one live successor at most, no reuse seen inside the window, and all of it seen after', async () => {
    const { service, clock } = context;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const first = await service.issue(alice, { transport: 'body' });
        const promised = new Promised(first.refreshToken);
        const held: string[] = new Array(HOLDERS).fill(first.refreshToken);

        for (const action of steps) {
          if (action.type === 'wait') clock.advance(action.milliseconds);
          if (action.type === 'copy') held[action.to] = held[action.from];
          if (action.type === 'revoke') {
            await service.revoke(first.sessionId, 'logout');
            promised.end();
          }
          if (action.type !== 'refresh') continue;

          const expected = promised.answerTo(held[action.holder], clock.now());
          const issued = await refreshOrRefused(held[action.holder]);
          if (issued === 'refused') {
            expect('refused').toBe(expected);
            continue;
          }
          if (expected === 'new') {
            expect(promised.tokens).not.toContain(issued.refreshToken);
            promised.rotatedTo(issued.refreshToken, clock.now());
          } else {
            expect(issued.refreshToken).toBe(expected);
          }
          if (!action.lost) held[action.holder] = issued.refreshToken;
        }
        expect((await service.list(alice.id)).some(({ id }) => id === first.sessionId)).toBe(promised.alive);
        await service.revoke(first.sessionId, 'logout');
      }),
      { numRuns: 600 },
    );
  });

  it('whatever the order in which parallel refreshes read, load the user and write', async () => {
    const { service, users, clock } = context;
    const { loadUser } = users;
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 6 }),
        fc.nat(2),
        async (scheduler, parallel, before) => {
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
          const all = Promise.all(Array.from({ length: parallel }, () => service.refresh(refreshToken)));
          await scheduler.waitFor(all);
          users.loadUser = loadUser;

          const successors = new Set((await all).map((issued) => issued.refreshToken));
          expect(successors.size).toBe(1);
          clock.advance(2 * GRACE);
          await expect(service.refresh([...successors][0])).resolves.toMatchObject({ sessionId });
        },
      ),
      { numRuns: 250 },
    );
  });

  async function refreshOrRefused(token: string): Promise<IssuedTokens | 'refused'> {
    try {
      return await context.service.refresh(token);
    } catch (error) {
      expect((error as AuthError).code).toBe('invalid_grant');
      return 'refused';
    }
  }
});
