import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { as, AUTH_SECRET, type DemoSession, signIn } from '../support/demos.js';
import { send } from '../support/http.js';

/** `stepUpFailures` of the demo. */
const LIMIT = 10;

describe.each(adapters)('the password of a stolen session, at POST /profile/password on %s', (adapter) => {
  let database: TestDatabase;
  let demo: DemoProcess;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    demo = await startDemo({ HTTP_ADAPTER: adapter, DATABASE_URL: database.url!, AUTH_SECRET });
  });
  afterAll(async () => {
    await demo?.stop();
    await database?.drop();
  });

  const guess = (stolen: DemoSession, current: string, more: object = {}) =>
    as<{ error?: string }>(stolen, 'POST', `${demo.url}/profile/password`, { current, next: 'of-the-thief', ...more });
  const statuses = (answers: { status: number }[], status: number) =>
    answers.filter((answer) => answer.status === status).length;

  test('is not found by 300 parallel guesses: as many are evaluated as may fail', async () => {
    const stolen = await signIn(demo.url, 'alice');
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => guess(stolen, index === 200 ? 'alice-password' : `guess-${index}`)),
    );
    expect(statuses(answers, 401)).toBe(LIMIT);
    expect(statuses(answers, 429)).toBe(300 - LIMIT);
    expect(await guess(stolen, 'alice-password')).toMatchObject({ status: 429, body: { error: 'too_many_requests' } });
    // The owner, in another session, notices nothing.
    await signIn(demo.url, 'alice');
  });

  test('is not found by guesses one after another, nor with refresh tokens of the thief’s own sessions', async () => {
    const stolen = await signIn(demo.url, 'alice');
    for (let count = 0; count < LIMIT; count++) {
      const { refreshToken } = await signIn(demo.url, 'bob');
      expect((await guess(stolen, 'wrong', { refresh_token: refreshToken })).status).toBe(401);
    }
    const { refreshToken } = await signIn(demo.url, 'bob');
    for (const more of [{}, { refresh_token: refreshToken }, { refresh_token: `nrt_${'A'.repeat(128)}` }]) {
      expect((await guess(stolen, 'alice-password', more)).status).toBe(429);
    }
  });

  test('has one limit, at this route and at the step-up', async () => {
    const stolen = await signIn(demo.url, 'alice');
    for (let count = 0; count < LIMIT; count++) expect((await guess(stolen, 'wrong')).status).toBe(401);
    const body = { password: 'alice-password', refresh_token: stolen.refreshToken };
    expect((await send('POST', `${demo.url}/auth/step-up`, { body })).status).toBe(429);
  });

  test('can be changed by its owner, whatever another application has put into the cookie', async () => {
    const bob = await signIn(demo.url, 'bob');
    const change = (current: string, next: string) =>
      send('POST', `${demo.url}/profile/password`, {
        headers: { authorization: `Bearer ${bob.accessToken}`, cookie: '__Host-refresh_token=of-another-application' },
        body: { current, next },
      });
    for (let count = 0; count <= LIMIT; count++) {
      const [current, next] =
        count % 2 === 0 ? ['bob-password', 'bob-has-another'] : ['bob-has-another', 'bob-password'];
      expect((await change(current, next)).status).toBe(204);
    }
    expect((await change('bob-has-another', 'bob-password')).status).toBe(204);
  });
});
