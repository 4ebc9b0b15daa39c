import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Answer, type AuthBody, refresh } from '../support/http.js';
import { onTwoServers, type TwoServers } from './two-servers.js';

const CHAINS = 200;
/** Refreshes of all chains together, between one event and the next. */
const PAUSE = 300;

describe('kill -9 of a server', () => {
  onTwoServers({ REFRESH_GRACE: '60s' }, (service) => {
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
    }, 120_000);
  });
});

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
