import type { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, test } from 'vitest';
import type { AuthApp } from '../support/auth-app.js';
import {
  accusationOf,
  BETWEEN_REFRESHES,
  expectAccused,
  expectGoodStanding,
  proving,
  recorded,
  rowOf,
  setBack,
  signedInClient,
} from '../support/chain.js';
import { bearer, send } from '../support/http.js';
import {
  CAREFUL,
  COOKIE_WITHOUT_KEYS,
  freshKey,
  type Habits,
  Killed,
  killedAt,
  type KeyedClient,
  type KeyedRequest,
  type Network,
  present,
  WITH_A_COOKIE,
  WITHOUT_CLAIMS,
  WITHOUT_KEYS,
} from '../support/keyed-client.js';
import { DAY, HOUR, listening, MINUTE, SECOND } from '../support/listening.js';

const CLIENTS: { client: string; habits: Habits }[] = [
  { client: 'with keys and claims', habits: CAREFUL },
  { client: 'with keys and without claims', habits: WITHOUT_CLAIMS },
  { client: 'without keys', habits: WITHOUT_KEYS },
  { client: 'with keys and a cookie', habits: WITH_A_COOKIE },
  { client: 'without keys, with a cookie', habits: COOKIE_WITHOUT_KEYS },
];

const LOSSES = [
  { loss: 'one refresh of the last second', refreshes: 1, age: SECOND },
  { loss: 'three refreshes of the last second', refreshes: 3, age: SECOND },
  { loss: 'one refresh of the last hour', refreshes: 1, age: HOUR },
  { loss: 'five refreshes of the last hour', refreshes: 5, age: HOUR },
  // The row has been idle for longer than a session may be.
  { loss: 'four refreshes of the last eight days', refreshes: 4, age: 8 * DAY },
];

describe('the database loses commits', () => {
  const app = listening('express');

  describe.each(CLIENTS)('and a client $client goes on', ({ habits }) => {
    test.each(LOSSES)('after it lost $loss', async ({ refreshes, age }) => {
      const client = await signedInClient(app, { habits });
      await refreshTimes(app, client, 2, BETWEEN_REFRESHES);
      const copy = await rowOf(app, client.sessionId);
      await refreshTimes(app, client, refreshes, age / refreshes);
      const { generation } = await rowOf(app, client.sessionId);
      const from = app.events.length;
      await setBack(app, copy);

      const { body } = await client.refresh();
      expect(body.generation).toBe(generation + 1);
      expect(await rowOf(app, client.sessionId)).toMatchObject({ generation: generation + 1 });
      expect(app.events.slice(from)).toContainEqual(
        expect.objectContaining({ type: 'refreshed', sessionId: client.sessionId, reason: 'row_rolled_back' }),
      );
      await refreshTimes(app, client, 3, BETWEEN_REFRESHES);
      await expectGoodStanding(app, client.sessionId);
    });

    test('after it was set back again and again', async () => {
      const client = await signedInClient(app, { habits });
      const copy = await rowOf(app, client.sessionId);
      for (let round = 0; round < 6; round++) {
        await refreshTimes(app, client, 1 + (round % 3), round % 2 === 0 ? SECOND : BETWEEN_REFRESHES);
        await setBack(app, copy);
      }
      await refreshTimes(app, client, 3, BETWEEN_REFRESHES);
      await expectGoodStanding(app, client.sessionId);
    });

    test('after its answer was lost, too: the retry gets the same successor', async () => {
      const { network, answers } = recorded(app.url);
      const client = await signedInClient(app, { habits, network });
      await refreshTimes(app, client, 2, BETWEEN_REFRESHES);
      const copy = await rowOf(app, client.sessionId);
      const running = client.restarted({ at: killedAt('while the server has its request') });
      await expect(running.refresh()).rejects.toThrow(Killed);
      await setBack(app, copy);
      app.clock.advance(HOUR);

      await client.refresh();
      const [lost, repeated] = answers.slice(-2);
      expect(repeated.body.generation).toBe(lost.body.generation);
      expect(repeated.body.refresh_token).toBe(lost.body.refresh_token);
      await refreshTimes(app, client, 3, BETWEEN_REFRESHES);
      await expectGoodStanding(app, client.sessionId);
    });

    test('after two replicas went on apart, and were merged by the highest generation', async () => {
      for (const turns of [
        [0, 1],
        [0, 1, 0, 1, 0],
        [0, 0, 0, 1],
        [0, 1, 1, 1, 0],
        [1, 0, 0, 1],
      ]) {
        const client = await signedInClient(app, { habits });
        await refreshTimes(app, client, 2, BETWEEN_REFRESHES);
        const replicas = [await rowOf(app, client.sessionId), await rowOf(app, client.sessionId)];
        for (const replica of turns) {
          await setBack(app, replicas[replica]);
          await refreshTimes(app, client, 1, BETWEEN_REFRESHES);
          replicas[replica] = await rowOf(app, client.sessionId);
        }
        const [highest] = replicas.toSorted((one, other) => other.generation - one.generation);
        await setBack(app, highest);
        await refreshTimes(app, client, 3, BETWEEN_REFRESHES);
        await expectGoodStanding(app, client.sessionId);
      }
    });
  });

  test('a restored backup of 11 sessions is one alert a minute, with their number', async () => {
    // Whatever the tests before have raised is told by now.
    app.clock.advance(HOUR);
    const clients = await Promise.all(Array.from({ length: 12 }, () => signedInClient(app)));
    const copies = await Promise.all(clients.map(({ sessionId }) => rowOf(app, sessionId)));
    for (const client of clients) await refreshTimes(app, client, 2, MINUTE);
    await setBack(app, ...copies);

    const from = app.events.length;
    const alerts = () => app.events.slice(from).filter(({ type }) => type === 'row_rolled_back');
    for (const client of clients.slice(0, 11)) await client.refresh();
    expect(alerts()).toHaveLength(1);
    app.clock.advance(MINUTE);
    await clients[11].refresh();
    expect(alerts()).toHaveLength(2);
    for (const alert of alerts()) expect(alert).toMatchObject({ alert: true });
    expect(alerts().reduce((sum, { count }) => sum + count!, 0)).toBe(clients.length);
    for (const client of clients) await refreshTimes(app, client, 2, MINUTE);
    for (const { sessionId } of clients) await expectGoodStanding(app, sessionId);
  });

  test('two tabs with different tokens converge to one chain', async () => {
    const tab = await signedInClient(app, { habits: WITHOUT_KEYS });
    const stale = tab.restarted({ store: tab.store.copy() });
    const copy = await rowOf(app, tab.sessionId);
    await refreshTimes(app, tab, 3, MINUTE);
    await setBack(app, copy);

    // The lost generation again.
    expect((await stale.refresh()).body.generation).toBe(1);
    app.clock.advance(SECOND);
    const { body } = await tab.refresh();
    expect(body.generation).toBe(4);
    app.clock.advance(SECOND);
    expect((await stale.refresh()).body.refresh_token).toBe(body.refresh_token);
    await refreshTimes(app, tab, 3, MINUTE);
    await expectGoodStanding(app, tab.sessionId);
  });

  test('a predecessor from before the loss gets the live token, within the window of the loss', async () => {
    const client = await signedInClient(app, { habits: WITHOUT_KEYS });
    const tokens = [client.token];
    const copy = await rowOf(app, client.sessionId);
    for (let refresh = 0; refresh < 3; refresh++) {
      await refreshTimes(app, client, 1, MINUTE);
      tokens.push(client.token);
    }
    await setBack(app, copy);
    await client.refresh();

    app.clock.advance(9 * SECOND);
    for (const token of tokens) {
      const answer = await present(app.url, { headers: {}, body: { refresh_token: token } });
      expect(answer).toMatchObject({ status: 200, body: { refresh_token: client.token, generation: 4 } });
    }
    await refreshTimes(app, client, 3, MINUTE);
    await expectGoodStanding(app, client.sessionId);
  });

  // What does not hold.
  test('a late copy of a finished request ends the session: its use was among the lost commits', async () => {
    const requests: KeyedRequest[] = [];
    const network: Network = (request) => {
      requests.push(request);
      return present(app.url, request);
    };
    const client = await signedInClient(app, { network });
    const copy = await rowOf(app, client.sessionId);
    await refreshTimes(app, client, 1, BETWEEN_REFRESHES);
    await setBack(app, copy);
    await refreshTimes(app, client, 1, BETWEEN_REFRESHES);
    app.clock.advance(11 * SECOND);
    expect((await present(app.url, requests[0])).status).toBe(401);
    await expectAccused(app, client.sessionId, 'reuse_detected');
  });

  test("a thief's older token is reuse: from before the row's generation, and later every predecessor", async () => {
    for (const [stolenAt, pause] of [
      [0, 0],
      [1, 0],
      [2, 11 * SECOND],
      [3, 11 * SECOND],
    ]) {
      const client = await signedInClient(app);
      const tokens: string[] = [];
      let copy: RefreshToken | undefined;
      for (let generation = 0; generation < 5; generation++) {
        if (generation === 2) copy = await rowOf(app, client.sessionId);
        tokens.push(client.token);
        await refreshTimes(app, client, 1, MINUTE);
      }
      await setBack(app, copy!);
      await client.refresh();
      app.clock.advance(pause);

      const body = { refresh_token: tokens[stolenAt], idempotency_key: freshKey() };
      expect((await present(app.url, { headers: {}, body })).status).toBe(401);
      await expectAccused(app, client.sessionId, 'reuse_detected');
    }
  });

  test('a thief whose token the loss has made live again is found at the second refresh of the owner', async () => {
    for (const pause of [0, MINUTE]) {
      const owner = await signedInClient(app);
      const stolen = owner.token;
      const copy = await rowOf(app, owner.sessionId);
      await refreshTimes(app, owner, 3, MINUTE);
      await setBack(app, copy);

      const body = { refresh_token: stolen, idempotency_key: freshKey() };
      let answer = await present(app.url, { headers: {}, body });
      expect(answer.status).toBe(200);
      app.clock.advance(pause);
      await owner.refresh();
      app.clock.advance(SECOND);
      answer = await present(app.url, {
        headers: {},
        body: { refresh_token: answer.body.refresh_token, idempotency_key: freshKey() },
      });
      app.clock.advance(MINUTE);
      if (answer.status === 200) await expect(owner.refresh()).rejects.toThrow('Signed out');
      await expectAccused(app, owner.sessionId);
    }
  });

  test('an access token from the lost time is refused, where the permissions had changed before', async () => {
    const client = await signedInClient(app);
    const me = async (accessToken: string) =>
      (await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) })).status;
    await app.service.permissionsChanged('user-alice');
    await client.refresh();
    const copy = await rowOf(app, client.sessionId);
    app.clock.advance(MINUTE);
    const lost = (await client.refresh()).body.access_token;
    await setBack(app, copy);

    app.clock.advance(SECOND);
    const { access_token: current } = (await client.refresh()).body;
    expect(await me(lost), 'minted before the loss').toBe(401);
    expect(await me(current), 'minted after it').toBe(200);
    app.clock.advance(MINUTE);
    const { access_token: later } = (await client.refresh()).body;
    expect(await me(later), 'minted later').toBe(200);
    // The floor is far above the generation by now. A change of permissions still raises it.
    await app.service.permissionsChanged('user-alice');
    expect(await me(later), 'after another change').toBe(401);
    expect(await me((await client.refresh()).body.access_token), 'minted after that').toBe(200);
  });
});

describe('a request without the proof of its DPoP session', () => {
  const app = listening('fastify');

  /** An owner whose requests carry a proof each. */
  async function boundOwner(): Promise<KeyedClient & { sessionId: string }> {
    return signedInClient(app, { headers: await proving(app) });
  }

  test('cannot set the row forward to a lost generation', async () => {
    app.clock.advance(HOUR);
    const owner = await boundOwner();
    const copy = await rowOf(app, owner.sessionId);
    await refreshTimes(app, owner, 3, MINUTE);
    await setBack(app, copy);
    const before = await rowOf(app, owner.sessionId);
    const from = app.events.length;

    const body = { refresh_token: owner.token, idempotency_key: freshKey() };
    expect((await present(app.url, { headers: {}, body })).status).toBe(401);
    expect(await rowOf(app, owner.sessionId)).toEqual(before);
    expect(app.events.slice(from).map(({ type }) => type)).not.toContain('row_rolled_back');

    await owner.refresh();
    expect(app.events.slice(from).map(({ type }) => type)).toContain('row_rolled_back');
    await refreshTimes(app, owner, 3, MINUTE);
    await expectGoodStanding(app, owner.sessionId);
  });

  test('cannot end the session with a wrong claim', async () => {
    const owner = await boundOwner();
    await refreshTimes(app, owner, 2, MINUTE);
    const { generation } = owner.store.read()!;

    const body = {
      refresh_token: owner.token,
      idempotency_key: freshKey(),
      received_with: { generation, keys: [freshKey()] },
    };
    expect((await present(app.url, { headers: {}, body })).status).toBe(401);
    await refreshTimes(app, owner, 3, MINUTE);
    expect(accusationOf(app, owner.sessionId)).toBeUndefined();
    await expectGoodStanding(app, owner.sessionId);
  });
});

async function refreshTimes(app: AuthApp, client: KeyedClient, times: number, pause: number): Promise<void> {
  for (let refresh = 0; refresh < times; refresh++) {
    app.clock.advance(pause);
    expect(await client.refresh()).toMatchObject({ status: 200 });
  }
}
