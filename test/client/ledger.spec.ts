import type { StoredSession } from 'nestjs-refresh-token/client';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { expectGoodStanding } from '../support/chain.js';
import type { OwnerProcess, StoreFault } from '../support/client-device.js';
import { ClientHistories, Owner } from '../support/client-history.js';
import { send } from '../support/client-network.js';
import { HOUR, listening, MINUTE, SECOND } from '../support/listening.js';
import { seeded } from '../support/seeded.js';

/** Faults of a store that cannot be read either. */
const STORE_FAULTS: StoreFault[] = ['it throws', 'it never answers', 'it says that it is empty'];

describe('the ledger of a client with a store', () => {
  const app = listening('fastify');
  let start: ClientHistories['start'];
  beforeAll(async () => {
    ({ start } = await ClientHistories.on(app));
  });

  let seed = Date.now();

  /** A device whose user has signed in, and the process that runs on it. */
  async function signedIn() {
    const owner = new Owner(app, start, seeded(++seed), false);
    onTestFinished(() => owner.stop());
    const process = await owner.signIn();
    const refresh = async (who = process) => {
      owner.time.jump(20 * MINUTE);
      await owner.time.until(who.refresh());
    };
    const session = () => owner.device.session as Required<StoredSession>;
    const set = (changed: object | undefined) => {
      owner.device.text = changed && JSON.stringify(changed);
    };
    const claims = () => owner.sent.map(({ body }) => body.received_with);
    const keys = () => owner.sent.map(({ body }) => body.idempotency_key as string);
    return { owner, process, refresh, session, set, claims, keys };
  }

  test('has the key of the next use before anything is sent', async () => {
    const { owner, refresh, session, keys } = await signedIn();
    const [next] = session().uses;
    await refresh();
    expect(keys()[1]).toBe(next);
    expect(owner.sent[1].body.received_with).toEqual({ generation: 0, keys: [keys()[0]] });
  });

  test('gets the successor, the key that brought it and the next key in one write', async () => {
    const { owner, refresh, session } = await signedIn();
    const [before] = session().uses;
    let saved = 0;
    const { text } = owner.device;
    Object.defineProperty(owner.device, 'text', {
      get: () => written,
      set: (value: string) => {
        saved++;
        written = value;
      },
    });
    let written = text;
    await refresh();
    expect(saved).toBe(1);
    expect(session()).toMatchObject({ generation: 1, keys: [before], uses: [expect.not.stringMatching(before)] });
    expect(session().uses).toHaveLength(1);
  });

  test('gives the same key to every attempt, and to the process after the next', async () => {
    const { owner, process, refresh, keys } = await signedIn();
    owner.nextFaults = ['the answer is lost', 'the request is lost', 'the answer is lost'];
    await refresh();
    process.kill();
    owner.device.text = owner.device.copy().text;
    expect(new Set(keys().slice(1)).size).toBe(1);
    await refresh(owner.launch());
    await expectGoodStanding(app, owner.sessionId);
  });

  test('is used again with the same key, days after its process was killed', async () => {
    for (const nth of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { owner, process, refresh, session } = await signedIn();
      const [key] = session().uses;
      process.dieAt(nth);
      await refresh();
      expect(process.isDead).toBe(true);
      owner.time.jump(5 * 24 * HOUR);
      const { generation } = session();
      await refresh(owner.launch());
      expect(session().generation, `killed at point ${nth}`).toBe(generation + 1);
      if (generation === 0) expect(session().keys).toEqual([key]);
      await refresh(owner.launch());
      await expectGoodStanding(app, owner.sessionId);
    }
  });

  describe('of the first edition', () => {
    const first = ({ refreshToken }: StoredSession) => ({ refreshToken });

    test('goes on: its key is written down before it is sent, and it claims nothing before it knows', async () => {
      const { owner, process, refresh, session, set, claims, keys } = await signedIn();
      process.kill();
      set(first(session()));
      owner.nextFaults = ['the request is lost', 'the answer is lost'];
      const next = owner.launch();
      await refresh(next);
      await refresh(next);
      await refresh(next);
      expect(keys()[1]).toBe(keys()[2]);
      expect(claims()).toEqual([undefined, undefined, undefined, undefined, { generation: 2, keys: [keys()[3]] }]);
    });

    test('does not accuse its user, if the former client was killed before it had its answer', async () => {
      const { owner, process, refresh, session, set } = await signedIn();
      process.kill();
      set(first(session()));
      await send(app, { path: '/auth/refresh', body: { refresh_token: session().refreshToken } });
      const next = owner.launch();
      await owner.time.until(next.refresh());
      for (let use = 0; use < 3; use++) await refresh(next);
      await expectGoodStanding(app, owner.sessionId);
    });

    test('keeps one key, while its store cannot write', async () => {
      const { owner, process, refresh, session, set, keys } = await signedIn();
      process.kill();
      set(first(session()));
      const next = owner.launch();
      const { text } = owner.device;
      Object.defineProperty(owner.device, 'text', { get: () => text, set: () => undefined, configurable: true });
      owner.nextFaults = ['the answer is lost', 'the answer is lost', 'the answer is lost'];
      await refresh(next);
      expect(owner.sent.length).toBeGreaterThan(2);
      expect(new Set(keys().slice(1)).size).toBe(1);
    });
  });

  describe('whose store fails', () => {
    /** A refresh whose answer cannot be stored: the store fails from the time on that the server has its request. */
    async function refreshWithout(fault: StoreFault, owner: Owner, process: OwnerProcess) {
      const before = owner.sent.length;
      owner.nextFaults = ['the answer comes late'];
      const refreshed = process.refresh();
      while (owner.sent.length === before) await owner.time.until(owner.time.sleep(1));
      owner.device.fault = fault;
      await owner.time.until(refreshed);
    }

    test.each(STORE_FAULTS)('when it has to write, because %s, is kept in memory and written later', async (fault) => {
      const { owner, process, refresh, session } = await signedIn();
      owner.time.jump(20 * MINUTE);
      await refreshWithout(fault, owner, process);
      expect(session().generation).toBe(0);
      expect(process.client.state.status).toBe('signed_in');
      owner.device.fault = undefined;
      await refresh();
      expect(session().generation).toBe(2);
      await refresh(owner.launch());
      await expectGoodStanding(app, owner.sessionId);
    });

    test.each(STORE_FAULTS)('when it had to write, because %s, has a token that is not used before', async (fault) => {
      const { owner, process, refresh, session } = await signedIn();
      owner.time.jump(20 * MINUTE);
      await refreshWithout(fault, owner, process);
      const sent = owner.sent.length;
      owner.time.jump(20 * MINUTE);
      const later = owner.time.until(process.client.refresh());
      await expect(later).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      expect(process.client.state).toMatchObject({ status: 'signed_in', error: { code: 'temporarily_unavailable' } });
      expect(owner.sent).toHaveLength(sent);
      // So nothing is lost by a kill: the stored use is only repeated.
      process.kill();
      owner.device.fault = undefined;
      const next = owner.launch();
      await refresh(next);
      await refresh(next);
      expect(session().generation).toBe(2);
      await expectGoodStanding(app, owner.sessionId);
    });

    test.each(['goes on', 'is killed'])('which can only be read, is used again, and its process %s', async (then) => {
      const { owner, process, refresh, session, keys } = await signedIn();
      owner.device.fault = 'it can only be read';
      const tokens = new Set<string | null>();
      for (let use = 0; use < 4; use++) {
        await refresh();
        tokens.add(await owner.time.until(process.client.getAccessToken()));
      }
      expect(tokens.size).toBe(4);
      expect(new Set(keys().slice(1))).toEqual(new Set(session().uses));
      owner.time.jump(20 * MINUTE);
      const later = owner.time.until(process.client.refresh());
      await expect(later).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      expect(process.client.state.status).toBe('signed_in');
      expect(owner.highest).toBe(1);
      owner.device.fault = undefined;
      if (then === 'is killed') process.kill();
      const next = then === 'is killed' ? owner.launch() : process;
      for (let use = 0; use < 3; use++) await refresh(next);
      expect(session().generation).toBeGreaterThan(2);
      await expectGoodStanding(app, owner.sessionId);
    });

    test.each(STORE_FAULTS)(
      'from the login on, because %s, goes on in memory: nobody else can know it',
      async (fault) => {
        const owner = new Owner(app, start, seeded(++seed), false);
        onTestFinished(() => owner.stop());
        owner.device.fault = fault;
        const { client } = owner.launch();
        await owner.time.until(client.login({ username: 'somebody', password: 'a-password' }));
        for (let use = 0; use < 3; use++) {
          owner.time.jump(20 * MINUTE);
          if (use === 1) owner.nextFaults = ['nobody answers'];
          await owner.time.until(client.refresh());
        }
        expect(owner.highest).toBe(3);
        await expectGoodStanding(app, app.events.at(-1)!.sessionId!);
      },
    );

    test('which can only be read for hours, asks the server once a minute at most', async () => {
      const { owner, refresh } = await signedIn();
      owner.device.fault = 'it can only be read';
      await refresh();
      const sent = owner.sent.length;
      await owner.time.until(owner.time.sleep(3 * HOUR));
      expect(owner.sent.length - sent).toBeLessThan(180);
      expect(owner.highest).toBe(1);
      owner.device.fault = undefined;
      await refresh();
      await expectGoodStanding(app, owner.sessionId);
    });

    test.each([2, 3])('which is %i generations behind and can only be read, presents no old token', async (count) => {
      const { owner, process, refresh, session, set } = await signedIn();
      const before = session();
      for (let use = 0; use < count; use++) await refresh();
      set(before);
      owner.device.fault = 'it can only be read';
      owner.time.jump(20 * MINUTE);
      const later = owner.time.until(process.client.refresh());
      await expect(later).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      owner.device.fault = undefined;
      await refresh();
      expect(session().generation).toBe(count + 1);
      await expectGoodStanding(app, owner.sessionId);
    });

    test('of the first edition when it has to write, has a token that is not used before', async () => {
      const { owner, process, refresh, session, set } = await signedIn();
      process.kill();
      set({ refreshToken: session().refreshToken });
      const next = owner.launch();
      await refreshWithout('it throws', owner, next);
      await refresh(next);
      expect(owner.highest).toBe(1);
      next.kill();
      owner.device.fault = undefined;
      await refresh(owner.launch());
      await refresh(owner.launch());
      await expectGoodStanding(app, owner.sessionId);
    });

    test('whose answer to a write comes late, does not undo what a different process has written', async () => {
      const { owner, process, refresh, session } = await signedIn();
      const point = process.point.bind(process);
      // The write takes effect, and is answered after a minute.
      process.point = async () => {
        if (session().generation !== 1) return point();
        process.point = point;
        await owner.time.sleep(MINUTE);
      };
      await refresh();
      // It reads the ledger again.
      owner.nextFaults = Array<'the request is lost'>(5).fill('the request is lost');
      await owner.time.until(process.refresh());
      owner.nextFaults = [];
      const other = owner.launch();
      for (let use = 0; use < 3; use++) await owner.time.until(other.refresh());
      await owner.time.until(owner.time.sleep(2 * MINUTE));
      expect(session().generation).toBe(4);
      await expectGoodStanding(app, owner.sessionId);
    });

    test('while a slow request is repeated, gets no key that others cannot read', async () => {
      const { owner, process, refresh, keys } = await signedIn();
      const other = owner.launch();
      owner.time.jump(20 * MINUTE);
      owner.nextFaults = ['nobody answers'];
      const refreshed = process.refresh();
      await owner.time.until(owner.time.sleep(100));
      await owner.time.until(other.refresh());
      owner.device.fault = 'it says that it is empty';
      await owner.time.until(refreshed);
      owner.device.fault = undefined;
      expect(new Set(keys().slice(1)).size).toBe(1);
      await refresh(other);
      await refresh(process);
      await expectGoodStanding(app, owner.sessionId);
    });

    test.each(STORE_FAULTS)('when it is read, because %s, is not cleared, and asked for again', async (fault) => {
      const { owner, process, refresh } = await signedIn();
      process.kill();
      owner.device.fault = fault;
      const next = owner.launch();
      const changes: string[] = [];
      next.client.onChange(({ type }) => void changes.push(type));
      expect(await owner.time.until(next.client.getAccessToken())).toBeNull();
      expect(owner.sent).toHaveLength(1);
      owner.device.fault = undefined;
      expect(await owner.time.until(next.client.getAccessToken())).toEqual(expect.any(String));
      expect(owner.device.cleared).toBe(0);
      expect(changes.at(-1)).toBe(fault === 'it says that it is empty' ? 'signed_in' : 'restored');
      await refresh(next);
      await expectGoodStanding(app, owner.sessionId);
    });

    test.each(STORE_FAULTS)(
      'while a session is known, because %s, is used again as soon as it can be',
      async (fault) => {
        const { owner, process, refresh } = await signedIn();
        const changes: string[] = [];
        process.client.onChange(({ type }) => void changes.push(type));
        owner.device.fault = fault;
        await refresh();
        expect(process.client.state.status).toBe('unknown');
        owner.device.fault = undefined;
        await refresh();
        expect(process.client.state.status).toBe('signed_in');
        expect(changes).toEqual(['refreshed']);
      },
    );

    test('when it is cleared, does not keep the user waiting', async () => {
      const { owner, process, refresh } = await signedIn();
      owner.device.fault = 'it never answers';
      const from = owner.time.now;
      await owner.time.until(process.client.logout().catch(() => undefined));
      expect(owner.time.now - from).toBeLessThan(30 * SECOND);
      expect(process.client.state.status).toBe('signed_out');
      owner.device.fault = undefined;
      await refresh(owner.launch());
      await expect.poll(() => owner.device.cleared).toBe(1);
    });
  });

  /** A use that was answered four times, and whose answers were all lost. */
  async function usedUp() {
    const signed = await signedIn();
    const { owner, process, refresh } = signed;
    process.kill();
    for (let kill = 0; kill < 4; kill++) {
      const next = owner.launch();
      // The answer has come, and is not stored.
      next.dieAt(6);
      await refresh(next);
      expect(next.isDead).toBe(true);
    }
    expect(owner.highest).toBe(1);
    expect(signed.session().generation).toBe(0);
    return signed;
  }

  test('of a finished use (409 superseded) gets a new key; the former one stays in the claim', async () => {
    const { owner, refresh, session, claims, keys } = await usedUp();
    const next = owner.launch();
    await refresh(next);
    const [former] = keys().slice(-2);
    expect(session().keys).toEqual([former, keys().at(-1)]);
    await refresh(next);
    expect(claims().at(-1)).toEqual({ generation: 1, keys: [former, keys().at(-2)] });
    await refresh(next);
    await expectGoodStanding(app, owner.sessionId);
  });

  test('of a finished use goes on with a new key, while its store cannot write', async () => {
    const { owner, refresh, session } = await usedUp();
    const next = owner.launch();
    const text = owner.device.text;
    Object.defineProperty(owner.device, 'text', { get: () => text, set: () => undefined, configurable: true });
    await refresh(next);
    Object.defineProperty(owner.device, 'text', { value: text, writable: true });
    await refresh(next);
    expect(session().generation).toBe(2);
    await expectGoodStanding(app, owner.sessionId);
  });

  test('of a finished use is dropped, if the store has a newer token', async () => {
    const { owner, process, refresh, keys } = await signedIn();
    const old = owner.device.text;
    await refresh();
    await refresh();
    process.kill();
    const { text } = owner.device;
    const next = owner.launch();
    // It reads the old token, and by the time of its answer, a different process has stored a newer one.
    let reads = 0;
    Object.defineProperty(owner.device, 'text', { get: () => (reads++ ? text : old), set: () => undefined });
    await refresh(next);
    expect(new Set(keys().slice(-2)).size).toBe(2);
    expect(owner.highest).toBe(3);
  });

  test('of a use without an answer is read again before the next attempt: a different process may be far ahead', async () => {
    const { owner, process, session } = await signedIn();
    const other = owner.launch();
    owner.time.jump(20 * MINUTE);
    owner.nextFaults = ['nobody answers'];
    const refreshes = async () => {
      for (let count = 0; count < 3; count++) {
        await owner.time.sleep(SECOND);
        await other.refresh();
      }
      // The window of the server is over before the first process tries again.
      app.clock.advance(MINUTE);
    };
    await owner.time.until(Promise.all([process.refresh(), refreshes()]));
    expect(owner.sent.filter(({ body }) => body.refresh_token === owner.sent[1].body.refresh_token)).toHaveLength(2);
    expect(session().generation).toBe(4);
    await expectGoodStanding(app, owner.sessionId);
  });

  test('with the keys of several processes is used with the last one, whoever has added it', async () => {
    const { owner, refresh, session, set, keys, claims } = await signedIn();
    const [key] = session().uses;
    set({ ...session(), uses: ['a-key-of-a-different-process', key] });
    await refresh();
    expect(keys().at(-1)).toBe(key);
    set({ ...session(), uses: [...session().uses, 'another-key-of-that-process'] });
    await refresh();
    expect(keys().at(-1)).toBe('another-key-of-that-process');
    await refresh();
    expect(claims().at(-1)).toMatchObject({ generation: 2, keys: expect.arrayContaining([keys().at(-2)]) as unknown });
    await expectGoodStanding(app, owner.sessionId);
  });

  test('that was set back is written again, before the token is used', async () => {
    const { owner, process, refresh } = await signedIn();
    const { text } = owner.device;
    await refresh();
    owner.device.text = text;
    // The server has answered, and the answer is lost.
    process.dieAt(12);
    await refresh();
    expect(process.isDead).toBe(true);
    expect(owner.highest).toBe(2);
    expect(owner.device.session).toMatchObject({ generation: 1 });
    await refresh(owner.launch());
    await expectGoodStanding(app, owner.sessionId);
  });

  test('of a user who has signed in meanwhile is not replaced by the answer to a former one', async () => {
    const { owner, process, session } = await signedIn();
    const other = owner.launch();
    owner.nextFaults = ['the answer comes late'];
    owner.time.jump(20 * MINUTE);
    const refreshed = process.refresh();
    await owner.time.until(owner.time.sleep(100));
    await owner.time.until(other.client.login({ username: 'somebody-else', password: 'a-password' }));
    const { sessionId } = session();
    expect(sessionId).not.toBe(owner.sessionId);
    await owner.time.until(refreshed);
    expect(session().sessionId).toBe(sessionId);
  });

  test('of a user who has signed in meanwhile is not replaced by what a process could not write', async () => {
    const { owner, refresh, session } = await signedIn();
    const { text } = owner.device;
    const full = () => {
      throw new Error('The disk is full.');
    };
    Object.defineProperty(owner.device, 'text', { get: () => text, set: full, configurable: true });
    await refresh();
    Object.defineProperty(owner.device, 'text', { value: text, writable: true });
    const other = owner.launch();
    await owner.time.until(other.client.login({ username: 'somebody-else', password: 'a-password' }));
    const { sessionId } = session();
    expect(sessionId).not.toBe(owner.sessionId);
    await refresh();
    expect(session().sessionId).toBe(sessionId);
  });

  test('of adopted tokens claims nothing, because nobody knows which request brought them', async () => {
    const { owner, process, refresh, session, claims, keys } = await signedIn();
    const { text } = await send(app, {
      path: '/auth/refresh',
      body: { refresh_token: session().refreshToken, received_with: { generation: 0, keys: [keys()[0]] } },
    });
    await owner.time.until(process.client.adopt(JSON.parse(text)));
    expect(session()).toMatchObject({ generation: 1, keys: [] });
    await refresh();
    await refresh();
    expect(claims().slice(1)).toEqual([undefined, { generation: 2, keys: [keys()[1]] }]);
    await expectGoodStanding(app, owner.sessionId);
  });

  test('with more keys than a claim may have claims nothing', async () => {
    const { owner, process, refresh, session, set, claims } = await signedIn();
    process.kill();
    set({ ...session(), keys: Array.from({ length: 17 }, (_, index) => `a-key-of-a-use-${index}`) });
    await refresh(owner.launch());
    expect(claims()).toEqual([undefined, undefined]);
  });
});
