import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IssuedTokens } from 'nestjs-refresh-token';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type AuthBody, bearer, login, refresh, send } from '../support/http.js';
import { ADMIN, INVALID_GRANT, onTwoServers, type TwoServers } from '../support/two-servers.js';

const SAME_TOKEN_ROUNDS = 6;
const PARALLEL = 50;

const LOST_ANSWERS = 20;

/** When the connection breaks, seen from the client. */
const breaks: { moment: string; reached: (socket: Socket, session: number) => Promise<unknown> }[] = [
  { moment: 'at some moment while the server works', reached: (_, session) => sleep(session / 2) },
  { moment: 'when the answer has come, unread', reached: (socket) => once(socket, 'readable') },
];

const SIGN_OUT_ROUNDS = 12;
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

const CHAINS = 200;
/** Refreshes of all chains together, between one event and the next. */
const PAUSE = 300;

// One pair of processes per database for all of this; the last block kills one of them.
onTwoServers({ REFRESH_GRACE: '60s' }, (service) => {
  describe('many refreshes with one token at once', () => {
    it(`answers all ${PARALLEL} with one and the same successor, which then works`, async () => {
      let [{ refreshToken: token }] = await service.issue(1);
      for (let round = 0; round < SAME_TOKEN_ROUNDS; round++) {
        const answers = await service.refreshAtOnce(token, PARALLEL);
        expect(answers.map(({ status }) => status)).toEqual(Array(PARALLEL).fill(200));
        const successors = new Set(answers.map(({ body }) => body.refresh_token));
        expect([...successors]).toEqual([expect.stringMatching(/^nrt_/)]);
        expect(successors).not.toContain(token);

        const next = await refresh(service.url(round), answers[0].body.refresh_token);
        expect(next.status).toBe(200);
        token = next.body.refresh_token;
      }
    });
  });

  describe('a refresh whose answer is lost', () => {
    it.for(breaks)('$moment: a retry at the other server is answered, and one chain goes on', async ({ reached }) => {
      const sessions = await service.issue(LOST_ANSWERS);
      // One after the other: among all at once, a first request could be so late that it is reuse.
      for (const [session, { refreshToken }] of sessions.entries()) {
        await refreshAndHangUp(service.url(session), refreshToken, (socket) => reached(socket, session));
        await continueAfterRetry(service, refreshToken, session + 1);
      }
    });
  });

  describe('refreshes in parallel with the end of their sessions', () => {
    let adminToken: string;
    beforeAll(async () => {
      adminToken = (await login(service.url(0), ADMIN)).body.access_token;
    });

    it.for(endings)('by $by: nothing survives', async ({ end }) => {
      for (let round = 0; round < SIGN_OUT_ROUNDS; round++) {
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

  describe('kill -9 of a server', () => {
    it(`logs nobody out of ${CHAINS} who refresh as fast as they can`, async () => {
      const sessions = await service.issue(CHAINS);
      const chains = sessions.map(({ refreshToken }, turn) => new Chain(service, refreshToken, turn));
      const running = Promise.all(chains.map((chain) => chain.run()));

      const refreshes = () => chains.reduce((sum, { generation }) => sum + generation, 0);
      await progress(refreshes, running);
      await service.kill(0);
      await progress(refreshes, running);
      await service.restart(0);
      await progress(refreshes, running);
      chains.forEach((chain) => chain.stop());
      await running;

      // The last token that was received works, and so does what it is answered.
      for (let round = 0; round < 2; round++) await Promise.all(chains.map((chain) => chain.refreshOnce()));
      expect(chains.reduce((sum, { brokenOff }) => sum + brokenOff, 0)).toBeGreaterThan(0);
    });
  });
});

async function continueAfterRetry(service: TwoServers, token: string, turn: number): Promise<void> {
  const retry = await refresh(service.url(turn), token);
  expect(retry.status).toBe(200);
  const successor = retry.body.refresh_token;
  expect(successor).not.toBe(token);
  // By now the first request is over, whichever came first: both servers give the one successor.
  expect(await refresh(service.url(turn + 1), token)).toMatchObject({
    status: 200,
    body: { refresh_token: successor },
  });

  const next = await refresh(service.url(turn), successor);
  expect(next.status).toBe(200);
  const live = await refresh(service.url(turn + 1), next.body.refresh_token);
  expect(live.status).toBe(200);
  // Whatever of the burst comes late is answered with the live token, and the chain goes on.
  for (const late of [token, successor]) {
    expect(await refresh(service.url(turn), late)).toMatchObject({
      status: 200,
      body: { refresh_token: live.body.refresh_token },
    });
  }
  expect(await refresh(service.url(turn + 1), live.body.refresh_token)).toMatchObject({ status: 200 });
}

/** Sends the whole request, and destroys the connection as soon as `reached`; nothing of the answer is read. */
async function refreshAndHangUp(
  url: string,
  token: string,
  reached: (socket: Socket) => Promise<unknown>,
): Promise<void> {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ refresh_token: token });
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    await once(socket, 'connect');
    // The same user agent as that of the retry, which `fetch` sends.
    const head =
      `POST /auth/refresh HTTP/1.1\r\nHost: ${hostname}\r\nUser-Agent: node\r\n` + `Content-Type: application/json\r\n`;
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await reached(socket);
  } finally {
    socket.destroy();
  }
}

function once(socket: Socket, event: 'connect' | 'readable'): Promise<void> {
  return new Promise((resolve, reject) => socket.once(event, resolve).once('error', reject));
}

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

/** One session, refreshed again and again; where a server does not answer, the other is asked with the same token. */
class Chain {
  /** Of the token that was received last. */
  generation = 0;
  /** How often a server did not answer. */
  brokenOff = 0;
  private stopped = false;

  constructor(
    private readonly service: TwoServers,
    private token: string,
    private turn: number,
  ) {}

  async run(): Promise<void> {
    while (!this.stopped) await this.refreshOnce();
  }

  stop(): void {
    this.stopped = true;
  }

  async refreshOnce(): Promise<void> {
    const answer = await this.answer();
    expect(answer.status).toBe(200);
    // No generation is left out: each successor reaches its client, by whatever retry.
    expect(generationOf(answer.body.access_token)).toBe(this.generation + 1);
    this.generation++;
    this.token = answer.body.refresh_token;
  }

  private async answer(): Promise<Answer<AuthBody>> {
    for (;;) {
      try {
        return await refresh(this.service.url(this.turn), this.token);
      } catch {
        this.brokenOff++;
        this.turn++;
        await sleep(1);
      }
    }
  }
}

/** Waits for some more refreshes; fails with the chains. */
async function progress(refreshes: () => number, running: Promise<unknown>): Promise<void> {
  const enough = refreshes() + PAUSE;
  while (refreshes() < enough) await Promise.race([sleep(5), running]);
}

function generationOf(accessToken: string): number {
  return JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString()).gen;
}
