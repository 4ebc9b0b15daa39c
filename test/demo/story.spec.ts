import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { bearer } from '../support/http.js';
import { as, AUTH_SECRET, type DemoSession, signIn } from '../support/demos.js';

describe('the story, on two processes', { concurrent: true }, () => {
  let database: TestDatabase;
  let here: DemoProcess;
  let elsewhere: DemoProcess;
  let admin: DemoSession;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    const env = { DATABASE_URL: database.url!, AUTH_SECRET };
    here = await startDemo(env);
    elsewhere = await startDemo({ ...env, HTTP_ADAPTER: 'fastify', ACCESS_TOKEN_TTL: '5s' });
    admin = await signIn(here.url, 'admin');
  });
  afterAll(async () => {
    await Promise.all([here?.stop(), elsewhere?.stop()]);
    await database?.drop();
  });

  /** Has begun; `told` settles when it ends. */
  async function story({ accessToken }: DemoSession) {
    const response = await fetch(`${here.url}/story`, { headers: bearer(accessToken) });
    expect(response.status).toBe(200);
    let ended = false;
    const told = response.text().finally(() => (ended = true));
    return { told, hasEnded: () => ended };
  }

  describe('of somebody who loses a right', () => {
    test.sequential('ends with the session that another process has revoked, and only with that', async () => {
      const [alice, bob] = [await signIn(here.url, 'alice'), await signIn(here.url, 'bob')];
      const [ofAlice, ofBob] = [await story(alice), await story(bob)];
      await as(admin, 'DELETE', `${elsewhere.url}/admin/users/alice/sessions`);
      expect(await ofAlice.told).toContain('event: begun');
      expect(ofBob.hasEnded()).toBe(false);
      await as(admin, 'DELETE', `${here.url}/admin/users/bob/sessions`);
      expect(await ofBob.told).toContain('"type":"revoked"');
    });

    test.sequential('ends when permissions have changed', async () => {
      const { told } = await story(await signIn(here.url, 'alice'));
      await as(admin, 'PUT', `${here.url}/admin/users/alice/roles`, { roles: ['user'] });
      expect(await told).toContain('"type":"permissions_changed"');
    });
  });

  // At the same time as the others, whose sessions belong to other users.
  test('ends when the access token expires', async ({ expect }) => {
    const { told } = await story(await signIn(elsewhere.url, 'admin'));
    expect(await told).toContain('event: begun');
  });
});
