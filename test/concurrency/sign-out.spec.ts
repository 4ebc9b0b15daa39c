import type { IssuedTokens } from 'nestjs-refresh-token';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Answer, bearer, login, refresh, send } from '../support/http.js';
import { ADMIN, INVALID_GRANT, onTwoServers, type TwoServers } from './two-servers.js';

const ROUNDS = 12;
const SESSIONS = 4;

interface Ending {
  by: string;
  /** The requests that end all of these sessions, sent at once. */
  end(service: TwoServers, sessions: IssuedTokens[], adminToken: string): Promise<Answer[]>;
}

const endings: Ending[] = [
  {
    by: 'POST /auth/logout with the refresh token',
    end: (service, sessions) =>
      each(sessions, ({ refreshToken }, turn) =>
        send('POST', `${service.url(turn)}/auth/logout`, { body: { refresh_token: refreshToken } }),
      ),
  },
  {
    by: 'POST /auth/logout with the access token',
    end: (service, sessions) =>
      each(sessions, ({ accessToken }, turn) =>
        send('POST', `${service.url(turn)}/auth/logout`, { headers: bearer(accessToken) }),
      ),
  },
  {
    by: 'DELETE /auth/sessions/:id',
    end: (service, sessions) =>
      each(sessions, ({ sessionId, accessToken }, turn) =>
        send('DELETE', `${service.url(turn)}/auth/sessions/${sessionId}`, { headers: bearer(accessToken) }),
      ),
  },
  {
    by: 'POST /auth/logout-all',
    end: (service, [{ accessToken }]) =>
      each([accessToken], (token) => send('POST', `${service.url(0)}/auth/logout-all`, { headers: bearer(token) })),
  },
  {
    by: "the administrator's DELETE",
    end: (service, _, adminToken) =>
      each([adminToken], (token) =>
        send('DELETE', `${service.url(1)}/admin/users/alice/sessions`, { headers: bearer(token) }),
      ),
  },
];

describe('refreshes in parallel with the end of their sessions', () => {
  onTwoServers({ REFRESH_GRACE: '60s' }, (service) => {
    let adminToken: string;
    beforeAll(async () => {
      adminToken = (await login(service.url(0), ADMIN)).body.access_token;
    });

    it.for(endings)('by $by: nothing survives', async ({ end }) => {
      for (let round = 0; round < ROUNDS; round++) {
        const sessions = await service.issue(SESSIONS);
        const startRefreshing = () =>
          each(sessions, ({ refreshToken }, turn) => refreshTwice(service, refreshToken, turn));
        // Which of the two is sent first changes with the rounds.
        const early = round % 2 === 0 ? startRefreshing() : undefined;
        const answers = end(service, sessions, adminToken);
        const received = await (early ?? startRefreshing());

        for (const answer of await answers) expect(answer).toMatchObject({ status: 204 });
        const tokens = [...sessions.map(({ refreshToken }) => refreshToken), ...received.flat()];
        const afterwards = await each(tokens, (token, turn) => refresh(service.url(turn), token));
        for (const answer of afterwards) expect(answer).toMatchObject(INVALID_GRANT);
      }
    });
  });
});

/** Refreshes with a token, then with its successor, as far as that goes. Returns the tokens received. */
async function refreshTwice(service: TwoServers, token: string, turn: number): Promise<string[]> {
  const first = await refresh(service.url(turn), token);
  if (first.status !== 200) return refused(first);
  const second = await refresh(service.url(turn + 1), first.body.refresh_token);
  if (second.status !== 200) return [first.body.refresh_token, ...refused(second)];
  return [first.body.refresh_token, second.body.refresh_token];
}

function refused(answer: Answer): [] {
  expect(answer).toMatchObject(INVALID_GRANT);
  return [];
}

function each<Item, Result>(items: Item[], work: (item: Item, turn: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(items.map(work));
}
