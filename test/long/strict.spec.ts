import { describe, expect, it } from 'vitest';
import { type Answer, type AuthBody, refresh } from '../support/http.js';
import { INVALID_GRANT, onTwoServers, type TwoServers } from '../support/two-servers.js';

const ROUNDS = 20;
const PARALLEL = 50;
/** The databases: each answer waits until nobody has asked for a while. */
const SIDE_BY_SIDE = { concurrent: true };

describe('without a grace window (REFRESH_GRACE=0s)', () => {
  onTwoServers({ REFRESH_GRACE: '0s' }, define, SIDE_BY_SIDE);

  function define(service: TwoServers): void {
    it.sequential(`answers one of ${PARALLEL} parallel refreshes, and the session lives, ${ROUNDS} times`, async () => {
      await warmUp(service);
      const successors: string[] = [];
      for (const { refreshToken } of await service.issue(ROUNDS)) successors.push(await race(service, refreshToken));
      const answers = await Promise.all(successors.map((token, turn) => refresh(service.url(turn), token)));
      expect(answers.map(({ status }) => status)).toEqual(Array(ROUNDS).fill(200));
    });

    it.sequential('takes the old token, presented after the answer, for reuse: the session is dead', async () => {
      const sessions = await service.issue(20);
      await Promise.all(sessions.map(({ refreshToken }, turn) => presentTwice(service, refreshToken, turn)));
    });
  }
});

/** The first requests of a process take it much longer than all that follow. */
async function warmUp(service: TwoServers): Promise<void> {
  const sessions = await service.issue(PARALLEL);
  await Promise.all(sessions.map(({ refreshToken }, turn) => refresh(service.url(turn), refreshToken)));
}

/** Returns the one successor. */
async function race(service: TwoServers, token: string): Promise<string> {
  const answers = await service.refreshAtOnce(token, PARALLEL);
  const winners = answers.filter(({ status }) => status === 200);
  expect(winners).toHaveLength(1);
  expect(answers.filter(isInvalidGrant)).toHaveLength(PARALLEL - 1);
  return winners[0].body.refresh_token;
}

async function presentTwice(service: TwoServers, token: string, turn: number): Promise<void> {
  const { status, body } = await refresh(service.url(turn), token);
  expect(status).toBe(200);
  expect(await refresh(service.url(turn + 1), token)).toMatchObject(INVALID_GRANT);
  expect(await refresh(service.url(turn), body.refresh_token)).toMatchObject(INVALID_GRANT);
}

function isInvalidGrant({ status, body }: Answer<AuthBody>): boolean {
  return status === 401 && body.error === 'invalid_grant';
}
