import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, test } from 'vitest';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { expectAccused, expectGoodStanding, rowOf, signedInClient } from '../support/chain.js';
import { type Answer, cookieHeader, login, refreshCookie } from '../support/http.js';
import {
  ClientStore,
  freshKey,
  KeyedClient,
  type KeyedBody,
  type Network,
  present,
  SignedOut,
  WITH_A_COOKIE,
  WITHOUT_KEYS,
} from '../support/keyed-client.js';
import { listening, SECOND } from '../support/listening.js';
import { ALICE, onTwoServers, type TwoServers } from '../support/two-servers.js';

/** What a browser opens to one host. */
const CONNECTIONS = 6;
const TABS = 8;
const ROUNDS = 5;

interface Browser {
  browser: string;
  transport: 'body' | 'cookie';
  withKeys: boolean;
}

const BROWSERS: Browser[] = [
  { browser: 'without keys', transport: 'body', withKeys: false },
  { browser: 'with a key for each tab', transport: 'body', withKeys: true },
  { browser: 'without keys, with a cookie', transport: 'cookie', withKeys: false },
  { browser: 'with a key for each tab, with a cookie', transport: 'cookie', withKeys: true },
];

/** The request of a tab: with the token that the browser has when it leaves. */
function requestOf({ transport, withKeys }: Browser, token: string) {
  return {
    headers: transport === 'cookie' ? cookieHeader(token) : {},
    body: { ...(transport === 'body' && { refresh_token: token }), ...(withKeys && { idempotency_key: freshKey() }) },
  };
}

function tokenOf(answer: Answer<KeyedBody>): string {
  expect(answer.status).toBe(200);
  return answer.body.refresh_token ?? refreshCookie(answer)!;
}

// One window is long enough for the whole burst, however busy the machine is.
onTwoServers({ REFRESH_GRACE: '60s' }, (service) => {
  describe.each(BROWSERS)('tabs without locks, $browser', (browser) => {
    it(`${TABS} tabs, ${CONNECTIONS} connections, one late packet: the straggler gets the live token`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const first = await firstToken(service, browser, round);
        const ask = (token: string, turn: number) => present(service.url(turn), requestOf(browser, token));

        // Six tabs ask at once. The packet of one of them is late.
        const asked = Array.from({ length: CONNECTIONS - 1 }, (_, tab) => ask(first, round + tab));
        const second = tokenOf(await Promise.any(asked));
        // The two others find the new token, and ask while the rest of the burst is under way.
        const rest = Array.from({ length: TABS - CONNECTIONS }, (_, tab) => ask(second, round + tab));
        const third = tokenOf(await Promise.any(rest));
        const straggler = ask(first, round);

        const answers = await Promise.all([...asked, ...rest, straggler]);
        const tokens = answers.map(tokenOf);
        expect(new Set(tokens)).toEqual(new Set([second, third]));
        expect((await straggler).body).toMatchObject({ generation: 2 });
        expect(tokens.at(-1)).toBe(third);

        const next = tokenOf(await ask(third, round + 1));
        expect(tokenOf(await ask(next, round))).not.toBe(next);
      }
    });

    it('any order of the packets leads to one chain', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        let token = await firstToken(service, browser, round);
        let generation = 0;
        const tab = async (turn: number) => {
          // It leaves with what the browser has by now.
          await sleep((turn * 7) % 5);
          const request = requestOf(browser, token);
          await sleep((turn * 3) % 4);
          const answer = await present(service.url(turn), request);
          const received = tokenOf(answer);
          if (answer.body.generation > generation) [token, generation] = [received, answer.body.generation];
          return { generation: answer.body.generation, received };
        };
        const answers = await Promise.all(Array.from({ length: 2 * TABS }, (_, turn) => tab(round + turn)));

        const generations = new Set(answers.map((answer) => answer.generation));
        expect(new Set(answers.map(({ received }) => received)).size).toBe(generations.size);
        const next = await present(service.url(round), requestOf(browser, token));
        expect(next).toMatchObject({ status: 200, body: { generation: generation + 1 } });
      }
    });
  });

  describe('tabs without locks that share one ledger, with keys and claims', () => {
    it('the straggler finds the newer token in the ledger, and nobody is accused', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const [{ refreshToken: token }] = await service.issue(1);
        const store = new ClientStore();
        // The login was without a key, so the first use claims nothing that could be wrong.
        store.write({ token, generation: 0, keys: [], formerKeys: [] });
        let release = () => {};
        const released = new Promise<void>((resolve) => (release = resolve));
        const late: Network = async (request) => {
          await released;
          return present(service.url(round), request);
        };
        const tab = (turn: number, network?: Network) =>
          new KeyedClient({ url: service.url(turn), wait: (milliseconds) => sleep(milliseconds / 20), store, network });

        const frozen = tab(round, late);
        const straggler = frozen.refresh();
        await Promise.all(Array.from({ length: TABS - 1 }, (_, turn) => tab(round + turn).refresh()));
        await Promise.all(Array.from({ length: TABS - 1 }, (_, turn) => tab(round + turn).refresh()));
        release();
        expect(await straggler).toMatchObject({ status: 200 });
        expect(frozen.superseded).toBe(1);
        for (let turn = 0; turn < 3; turn++) expect(await tab(turn).refresh()).toMatchObject({ status: 200 });
      }
    });
  });
});

for (const adapter of adapters) {
  describe(`the window of a burst (${adapter})`, () => {
    const app = listening(adapter);

    test('begins with its first rotation, and no rotation moves it', async () => {
      const client = await signedInClient(app, { habits: WITHOUT_KEYS });
      const [first, straggler] = [client.token, client.token].map((refresh_token) => ({
        headers: {},
        body: { refresh_token },
      }));
      await client.refresh();
      for (let rotation = 0; rotation < 3; rotation++) {
        app.clock.advance(3 * SECOND);
        await client.refresh();
      }
      app.clock.advance(999);
      expect(await present(app.url, straggler)).toMatchObject({
        status: 200,
        body: { generation: 4, refresh_token: client.token },
      });
      expect(await rowOf(app, client.sessionId)).toMatchObject({ generation: 4 });
      await expectGoodStanding(app, client.sessionId);

      app.clock.advance(1);
      expect((await present(app.url, first)).status).toBe(401);
      await expectAccused(app, client.sessionId, 'reuse_detected');
    });

    test('answers a claim for the predecessor, and tells a claim for an older token that it is superseded', async () => {
      const client = await signedInClient(app);
      const copies = [client.store.copy()];
      for (let refresh = 0; refresh < 2; refresh++) {
        await client.refresh();
        copies.push(client.store.copy());
      }
      const statuses = [];
      for (const copy of copies) {
        const { token, generation, keys } = copy.read()!;
        const body = {
          refresh_token: token,
          idempotency_key: freshKey(),
          received_with: { generation, keys },
        };
        if (copy !== copies[2]) statuses.push((await present(app.url, { headers: {}, body })).status);
      }
      expect(statuses).toEqual([409, 200]);
    });
  });
}

describe('an answer that comes after a newer one puts an older cookie into the jar', () => {
  /** A tab gets its answer late. In the meantime another tab has refreshed, and then refreshed again. */
  async function overwritten(app: AuthApp, pause: number) {
    const client = await signedInClient(app, { habits: WITH_A_COOKIE });
    await client.refresh();
    const older = client.store.jar;
    app.clock.advance(pause);
    await client.refresh();
    client.store.jar = older;
    app.clock.advance(pause);
    return client;
  }

  describe('by default', () => {
    const app = listening('express');

    test('within the window the session goes on', async () => {
      const client = await overwritten(app, SECOND);
      expect(await client.refresh()).toMatchObject({ status: 200 });
      await expectGoodStanding(app, client.sessionId);
    });

    // What does not hold: without a claim, nobody can tell this from a thief.
    test('after the window it ends', async () => {
      const client = await overwritten(app, 11 * SECOND);
      await expect(client.refresh()).rejects.toThrow(SignedOut);
      await expectAccused(app, client.sessionId, 'reuse_detected');
    });
  });

  describe('with late answers for clients without claims', () => {
    const app = listening('express', { options: { refreshToken: { lateAnswers: { withoutKeys: true } } } });

    test('after the window it goes on', async () => {
      const client = await overwritten(app, 11 * SECOND);
      expect(await client.refresh()).toMatchObject({ status: 200 });
      await expectGoodStanding(app, client.sessionId);
    });
  });
});

async function firstToken(service: TwoServers, { transport }: Browser, turn: number): Promise<string> {
  if (transport === 'body') return (await service.issue(1))[0].refreshToken;
  return refreshCookie(await login(service.url(turn), { ...ALICE, transport }))!;
}
