import { describe, expect, test } from 'vitest';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { expectAccused, expectGoodStanding, proving, recorded, rowOf, signedInClient } from '../support/chain.js';
import { type Answer, refreshCookie } from '../support/http.js';
import {
  CAREFUL,
  COOKIE_WITHOUT_KEYS,
  type Habits,
  Killed,
  killedAt,
  type KeyedBody,
  type KeyedClient,
  type Point,
  POINTS,
  POINTS_AFTER_SUPERSEDED,
  WITH_A_COOKIE,
  WITHOUT_CLAIMS,
  WITHOUT_KEYS,
} from '../support/keyed-client.js';
import { DAY, HOUR, listening, MINUTE, SECOND } from '../support/listening.js';

const ABSENCES = [
  { absence: 'a second', milliseconds: SECOND },
  { absence: '11 seconds', milliseconds: 11 * SECOND },
  { absence: 'an hour', milliseconds: HOUR },
  { absence: 'six days', milliseconds: 6 * DAY },
];

const WITH_KEYS: { client: string; habits: Habits }[] = [
  { client: 'with keys and claims', habits: CAREFUL },
  { client: 'with keys and without claims', habits: WITHOUT_CLAIMS },
  { client: 'with keys and a cookie', habits: WITH_A_COOKIE },
];
const KEYLESS: { client: string; habits: Habits }[] = [
  { client: 'without keys', habits: WITHOUT_KEYS },
  { client: 'without keys, with a cookie', habits: COOKIE_WITHOUT_KEYS },
];

/** The points at which the server has the request, and the client has not stored the answer. */
const ANSWER_IS_LOST = ['while the server has its request', 'when the answer has come'] as const;

/** Kills the client at this point of its refresh. It runs again after the absence. */
async function killed(app: AuthApp, client: KeyedClient, point: Point, absence: number): Promise<KeyedClient> {
  await expect(client.restarted({ at: killedAt(point) }).refresh()).rejects.toThrow(Killed);
  app.clock.advance(absence);
  return client.restarted();
}

function generationsOf(answers: Answer<KeyedBody>[]): number[] {
  return [...new Set(answers.map(({ body }) => body.generation))];
}

/** Each generation has one token, whoever asked for it, and however often. */
function expectOneTokenPerGeneration(answers: Answer<KeyedBody>[]): void {
  const tokens = new Set(answers.map((answer) => answer.body.refresh_token ?? refreshCookie(answer)));
  expect(tokens).not.toContain(undefined);
  expect(tokens.size).toBe(generationsOf(answers).length);
}

/** The session goes on, refresh after refresh. */
async function expectToGoOn(app: AuthApp, client: KeyedClient, sessionId: string): Promise<void> {
  for (const pause of [SECOND, MINUTE, HOUR]) {
    app.clock.advance(pause);
    expect(await client.refresh()).toMatchObject({ status: 200 });
  }
  await expectGoodStanding(app, sessionId);
}

for (const adapter of adapters) {
  describe(`a client that is killed (${adapter})`, () => {
    const app = listening(adapter);

    describe.each(WITH_KEYS)('$client', ({ habits }) => {
      describe.each(POINTS.map((point) => ({ point })))('$point', ({ point }) => {
        test.each(ABSENCES)('goes on after $absence with the same successor', async ({ milliseconds }) => {
          const { network, answers } = recorded(app.url);
          const client = await signedInClient(app, { habits, network });

          const again = await killed(app, client, point, milliseconds);
          const { body } = await again.refresh();

          expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
          expectOneTokenPerGeneration(answers);
          // It had stored the token before it was killed, so this was the next use.
          const stored = point === POINTS[6] || (point === POINTS[5] && habits === WITH_A_COOKIE);
          expect(body.generation).toBe(stored ? 2 : 1);
          expect(body.generation).toBe((await rowOf(app, client.sessionId)).generation);
          await expectToGoOn(app, again, client.sessionId);
        });

        test.each(ABSENCES)(
          'goes on when this happens at two uses, each time for $absence',
          async ({ milliseconds }) => {
            const client = await signedInClient(app, { habits });
            for (let use = 0; use < 2; use++) {
              const again = await killed(app, client, point, milliseconds);
              expect(await again.refresh()).toMatchObject({ status: 200 });
            }
            await expectToGoOn(app, client.restarted(), client.sessionId);
          },
        );
      });

      test.each(ABSENCES.filter(({ milliseconds }) => milliseconds <= HOUR))(
        'three times in one use, each time for $absence, goes on with the same successor',
        async ({ milliseconds }) => {
          for (const point of ANSWER_IS_LOST) {
            const { network, answers } = recorded(app.url);
            const client = await signedInClient(app, { habits, network });
            let running: KeyedClient = client;
            for (let kill = 0; kill < 3; kill++) running = await killed(app, running, point, milliseconds);
            expect(await running.refresh(), point).toMatchObject({ status: 200 });

            expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
            // The cookie jar had the answer before the client was killed.
            if (habits !== WITH_A_COOKIE || point === POINTS[4]) expect(generationsOf(answers)).toEqual([1]);
            expectOneTokenPerGeneration(answers);
            await expectToGoOn(app, running, client.sessionId);
          }
        },
      );

      test('any number of times within the window goes on with the same successor', async () => {
        const client = await signedInClient(app, { habits });
        let running: KeyedClient = client;
        for (let kill = 0; kill < 9; kill++) running = await killed(app, running, ANSWER_IS_LOST[0], SECOND);
        expect((await running.refresh()).body.generation).toBe(1);
        await expectToGoOn(app, running, client.sessionId);
      });
    });

    describe('with keys and claims', () => {
      /** Its use was answered once, and repeated three times after the window: that is the bound of one use. */
      async function usedUp() {
        const { network, answers } = recorded(app.url);
        const client = await signedInClient(app, { network });
        let running: KeyedClient = client;
        for (let kill = 0; kill < 4; kill++) running = await killed(app, running, ANSWER_IS_LOST[0], HOUR);
        return { client, running, answers };
      }

      test('four times in one use presents its token afresh, with a new key, and goes on', async () => {
        const { client, running, answers } = await usedUp();
        expect(await running.refresh()).toMatchObject({ status: 200 });
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 409, 200]);
        expectOneTokenPerGeneration(answers.filter(({ status }) => status === 200));
        await expectToGoOn(app, running, client.sessionId);
      });

      test.each(POINTS_AFTER_SUPERSEDED)('%s, after four times in one use, goes on', async (point) => {
        const { client, running } = await usedUp();
        const again = await killed(app, running, point, HOUR);
        expect(await again.refresh()).toMatchObject({ status: 200 });
        await expectToGoOn(app, again, client.sessionId);
      });

      test('a claim of one key only accuses the client after it had to begin afresh', async () => {
        const { client, running } = await usedUp();
        await running.refresh();
        const ledger = running.store.read()!;
        expect(ledger.keys).toHaveLength(2);
        // The former use was answered with this token, too. So a claim without it is not exact.
        running.store.write({ ...ledger, keys: ledger.keys.slice(-1) });
        app.clock.advance(HOUR);
        await expect(running.refresh()).rejects.toThrow('Signed out');
        await expectAccused(app, client.sessionId, 'token_shared');
      });

      test('eight times in one use within a day signs out: each budget is used up', async () => {
        const { client, running, answers } = await usedUp();
        // The first answer of this run is `superseded`; the second one is the late answer.
        const killedLater = running.restarted({ at: killedAt(ANSWER_IS_LOST[0], 2) });
        await expect(killedLater.refresh()).rejects.toThrow(Killed);
        app.clock.advance(HOUR);
        let again = running.restarted();
        for (let kill = 0; kill < 3; kill++) again = await killed(app, again, ANSWER_IS_LOST[0], HOUR);
        expect(answers.slice(4).map(({ status }) => status)).toEqual([409, 200, 200, 200, 200]);
        await expect(again.refresh()).rejects.toThrow('Signed out');
        await expectAccused(app, client.sessionId, 'reuse_detected');
      });
    });

    describe.each(KEYLESS)('$client', ({ habits }) => {
      test.each(POINTS)('%s, goes on within the window', async (point) => {
        const client = await signedInClient(app, { habits });
        const again = await killed(app, client, point, 9 * SECOND);
        expect(await again.refresh()).toMatchObject({ status: 200 });
        await expectToGoOn(app, again, client.sessionId);
      });
    });

    describe('without keys', () => {
      // What is not promised.
      test.each(ANSWER_IS_LOST)('%s, is signed out after the window', async (point) => {
        const client = await signedInClient(app, { habits: WITHOUT_KEYS });
        const again = await killed(app, client, point, 11 * SECOND);
        await expect(again.refresh()).rejects.toThrow('Signed out');
        await expectAccused(app, client.sessionId, 'reuse_detected');
      });
    });
  });

  describe(`a client that is killed, in strict mode (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { grace: '0s' } } });

    describe.each(WITH_KEYS)('$client', ({ habits }) => {
      test.each(POINTS)('%s, goes on after each absence', async (point) => {
        for (const { milliseconds } of ABSENCES) {
          const client = await signedInClient(app, { habits });
          const again = await killed(app, client, point, milliseconds);
          expect(await again.refresh()).toMatchObject({ status: 200 });
          await expectToGoOn(app, again, client.sessionId);
        }
      });
    });

    // What is not promised.
    test.each(ANSWER_IS_LOST)('without keys, %s, is signed out', async (point) => {
      const client = await signedInClient(app, { habits: WITHOUT_KEYS });
      const again = await killed(app, client, point, SECOND);
      await expect(again.refresh()).rejects.toThrow('Signed out');
      await expectAccused(app, client.sessionId, 'reuse_detected');
    });
  });

  describe(`a client that is killed, and proves its key (${adapter})`, () => {
    const app = listening(adapter);

    describe.each([...WITH_KEYS, ...KEYLESS])('$client', ({ habits }) => {
      test.each(POINTS)('%s, goes on after each absence', async (point) => {
        for (const { milliseconds } of ABSENCES) {
          const headers = await proving(app);
          const client = await signedInClient(app, { habits, headers });
          const again = await killed(app, client, point, milliseconds);
          expect(await again.refresh()).toMatchObject({ status: 200 });
          await expectToGoOn(app, again, client.sessionId);
        }
      });
    });
  });

  describe(`a client that is killed while it steps up (${adapter})`, () => {
    const app = listening(adapter);

    describe.each(WITH_KEYS)('$client', ({ habits }) => {
      test.each(POINTS)('%s, goes on after each absence, with a step-up or a refresh', async (point) => {
        for (const { milliseconds } of ABSENCES) {
          for (const again of ['stepUp', 'refresh'] as const) {
            const client = await signedInClient(app, { habits });
            await expect(client.restarted({ at: killedAt(point) }).stepUp('alice-password')).rejects.toThrow(Killed);
            app.clock.advance(milliseconds);
            const answer = await client.restarted()[again]('alice-password');
            expect(answer).toMatchObject({ status: 200 });
            await expectToGoOn(app, client.restarted(), client.sessionId);
          }
        }
      });
    });
  });

  describe(`a client without keys that is killed, with late answers for such clients (${adapter})`, () => {
    const app = listening(adapter, {
      options: { refreshToken: { lateAnswers: { burst: 1, per: '1d', withoutKeys: true } } },
    });

    describe.each(KEYLESS)('$client', ({ habits }) => {
      describe.each(POINTS.map((point) => ({ point })))('$point', ({ point }) => {
        test.each(ABSENCES)('goes on after $absence', async ({ milliseconds }) => {
          const client = await signedInClient(app, { habits });
          const again = await killed(app, client, point, milliseconds);
          expect(await again.refresh()).toMatchObject({ status: 200 });
          await expectToGoOn(app, again, client.sessionId);
        });
      });
    });

    test('goes on once a day', async () => {
      const client = await signedInClient(app, { habits: WITHOUT_KEYS });
      for (let day = 0; day < 3; day++) {
        const again = await killed(app, client, ANSWER_IS_LOST[0], HOUR);
        expect(await again.refresh()).toMatchObject({ status: 200 });
        app.clock.advance(DAY);
      }
      await expectGoodStanding(app, client.sessionId);
    });

    // What is not promised.
    test('is signed out when it is killed a second time on the same day', async () => {
      const client = await signedInClient(app, { habits: WITHOUT_KEYS });
      await (await killed(app, client, ANSWER_IS_LOST[0], HOUR)).refresh();
      const again = await killed(app, client, ANSWER_IS_LOST[0], HOUR);
      await expect(again.refresh()).rejects.toThrow('Signed out');
      await expectAccused(app, client.sessionId, 'reuse_detected');
    });
  });
}
