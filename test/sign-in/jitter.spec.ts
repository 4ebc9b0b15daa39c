import type { AuthModuleOptions, IssuedTokens } from 'nestjs-refresh-token';
import { expect, it, onTestFinished } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { claimsOf, SECOND } from '../support/listening.js';

const USER = { id: 'user-alice', roles: ['user'] };
/** So many that a spread which is missing, or too wide, shows: the chance of a wrong result is below 10^-20. */
const TOKENS = 300;

async function contextWith(options: Partial<AuthModuleOptions>): Promise<AuthContext> {
  const database = await databaseNamed('sqljs').create();
  onTestFinished(() => database.drop());
  const context = await createAuthContext(database, { options });
  onTestFinished(() => context.close());
  return context;
}

/** The lifetimes of access tokens that one session gets, in seconds. */
async function lifetimesIn({ service, clock }: AuthContext): Promise<number[]> {
  let tokens = await service.issue(USER, { transport: 'body' });
  const lifetimes: number[] = [];
  while (lifetimes.length < TOKENS) {
    lifetimes.push(lifetimeOf(tokens, clock.now()));
    clock.advance(7);
    tokens = await service.refresh(tokens.refreshToken);
  }
  return lifetimes;
}

function lifetimeOf({ accessToken, expiresIn }: IssuedTokens, now: number): number {
  const { iat, exp } = claimsOf(accessToken) as { iat: number; exp: number };
  expect(iat).toBe(Math.floor(now / SECOND));
  expect(exp - iat).toBe(expiresIn);
  return expiresIn;
}

it('without jitter all access tokens live equally long', async () => {
  expect(new Set(await lifetimesIn(await contextWith({})))).toEqual(new Set([900]));
});

it('with jitter they live shorter, each by another time within the bound, and none longer', async () => {
  const lifetimes = await lifetimesIn(await contextWith({ accessToken: { jitter: '5m' } }));
  const [shortest, longest] = [Math.min(...lifetimes), Math.max(...lifetimes)];
  expect(shortest).toBeGreaterThanOrEqual(600);
  expect(longest).toBeLessThanOrEqual(900);
  // Spread over the whole bound: no third of it is empty.
  expect(shortest).toBeLessThan(700);
  expect(longest).toBeGreaterThan(800);
  expect(lifetimes.some((lifetime) => lifetime >= 700 && lifetime <= 800)).toBe(true);
  expect(new Set(lifetimes).size).toBeGreaterThan(50);
});

it('with jitter an access token lives a second at least', async () => {
  const lifetimes = await lifetimesIn(await contextWith({ accessToken: { ttl: '1s', jitter: '500ms' } }));
  expect(new Set(lifetimes)).toEqual(new Set([1]));
});

it('with jitter no access token outlives its session', async () => {
  const { service, clock } = await contextWith({
    accessToken: { ttl: '10m', jitter: '5m' },
    refreshToken: { ttl: '2m', idleTtl: '2m' },
  });
  const end = clock.now() + 120 * SECOND;
  let tokens = await service.issue(USER, { transport: 'body' });
  for (let count = 0; count < 20; count++) {
    expect(clock.now() + tokens.expiresIn * SECOND).toBeLessThanOrEqual(end);
    expect(lifetimeOf(tokens, clock.now())).toBe((end - clock.now()) / SECOND);
    clock.advance(SECOND);
    tokens = await service.refresh(tokens.refreshToken);
  }
});
