import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databases, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { type Answer, type AuthBody, type Credentials, login, refresh, send } from '../support/http.js';
import { generateIdentity } from '../support/tls.js';

const ALICE: Credentials = { username: 'alice', password: 'alice-password', transport: 'body' };
const HOUR = 3_600_000;

/** A client whose session is bound in some way; a thief has its tokens and nothing else. */
interface BoundClient {
  login(): Promise<Answer<AuthBody>>;
  refresh(token: string): Promise<Answer<AuthBody>>;
  theft(token: string): Promise<Answer<AuthBody>>;
}

const kinds: Record<string, (app: AuthApp) => Promise<BoundClient>> = {
  async dpop(app) {
    const now = () => app.clock.now();
    const client = new DpopClient(await generateProofKey(), app.url, now);
    const thief = new DpopClient(await generateProofKey(), app.url, now);
    let attempts = 0;
    return {
      login: () => client.login(ALICE),
      refresh: (token) => client.refresh(token),
      theft: (token) => (attempts++ % 2 === 0 ? refresh(app.url, token) : thief.refresh(token)),
    };
  },
  async tls(app) {
    const own = { 'x-ssl-client-cert': encodeURIComponent((await generateIdentity()).cert) };
    const other = { 'x-ssl-client-cert': encodeURIComponent((await generateIdentity()).cert) };
    let attempts = 0;
    return {
      login: () => login(app.url, { ...ALICE, bind: 'tls' }, own),
      refresh: (token) => refresh(app.url, token, own),
      theft: (token) => refresh(app.url, token, attempts++ % 2 === 0 ? {} : other),
    };
  },
  async nonce(app) {
    let clientNonce = '';
    const withNonce = (token: string, nonce?: string): Promise<Answer<AuthBody>> =>
      send('POST', `${app.url}/auth/refresh`, { body: { refresh_token: token, client_nonce: nonce } });
    let attempts = 0;
    return {
      async login() {
        const answer = await login(app.url, { ...ALICE, bind: 'nonce' });
        clientNonce = answer.body.client_nonce;
        return answer;
      },
      refresh: (token) => withNonce(token, clientNonce),
      theft: (token) => withNonce(token, attempts++ % 2 === 0 ? undefined : 'x'.repeat(43)),
    };
  },
};

const windows = databases.flatMap(({ name, available, create }) =>
  // A strict window needs no database of its own kind.
  (name === 'postgres' ? ['10s', '0s'] : ['10s']).map((grace) => ({ name, available, create, grace })),
);

for (const { name, available, create, grace } of windows) {
  describe.skipIf(!available)(`on ${name}, with a window of ${grace}`, () => {
    let database: TestDatabase;
    let app: AuthApp;

    beforeAll(async () => {
      database = await create();
      app = await createAuthApp('fastify', database, {
        options: {
          refreshToken: { grace },
          binding: { tls: { trustedProxies: ['127.0.0.1'], header: 'X-SSL-Client-Cert' } },
        },
      });
    });
    afterAll(async () => {
      await app?.close();
      await database?.drop();
    });

    describe.each(Object.keys(kinds))('a session bound by %s', (kind) => {
      const keyIsProven = kind !== 'nonce';
      let client: BoundClient;

      beforeAll(async () => {
        client = await kinds[kind](app);
      });

      const tokens = async () => {
        const { body: first } = await client.login();
        const { status, body: second } = await client.refresh(first.refresh_token);
        expect(status).toBe(200);
        return { first: first.refresh_token, second: second.refresh_token, sessionId: first.session_id };
      };
      // The list of revocations publishes events of its own, when the clock has been moved.
      const latest = (sessionId: string) => app.events.filter((event) => event.sessionId === sessionId).at(-1);

      it('gives a thief of the live token nothing, however often, and lives on', async () => {
        const { second } = await tokens();
        for (let attempt = 0; attempt < 4; attempt++) {
          expect(await client.theft(second)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
        }
        expect((await client.refresh(second)).status).toBe(200);
      });

      it('gives a thief of the predecessor nothing, also inside the window: it is reuse', async () => {
        const { first, second, sessionId } = await tokens();
        expect(await client.theft(first)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
        expect(latest(sessionId)).toMatchObject({ type: 'reuse_detected', alert: true });
        expect((await client.refresh(second)).status).toBe(401);
      });

      if (keyIsProven) {
        it('recovers a day later from a response that was lost, by the same successor', async () => {
          const { first, second } = await tokens();
          app.clock.advance(24 * HOUR);
          const { status, body } = await client.refresh(first);
          expect([status, body.refresh_token]).toEqual([200, second]);
          expect((await client.refresh(second)).status).toBe(200);
        });

        it('recovers no more once the successor has been used: it is reuse', async () => {
          const { first, second, sessionId } = await tokens();
          const { body } = await client.refresh(second);
          if (grace === '10s') {
            // Within the window of bearer tokens it is a race, as it is for them.
            expect((await client.refresh(first)).body.refresh_token).toBe(body.refresh_token);
            app.clock.advance(10_000);
          }
          expect((await client.refresh(first)).status).toBe(401);
          expect(latest(sessionId)).toMatchObject({ type: 'reuse_detected', alert: true });
          expect((await client.refresh(body.refresh_token)).status).toBe(401);
        });
      } else {
        it('keeps to the window of bearer tokens', async () => {
          const { first, second } = await tokens();
          if (grace === '10s') expect((await client.refresh(first)).body.refresh_token).toBe(second);
          app.clock.advance(10_000);
          expect((await client.refresh(first)).status).toBe(401);
          expect((await client.refresh(second)).status).toBe(401);
        });
      }

      // What strict means for bearer tokens that race is told by test/long/strict.spec.ts, by a clock that runs.
      if (keyIsProven || grace === '10s') {
        it('answers twenty refreshes at once with one successor', async () => {
          const { second } = await tokens();
          const answers = await Promise.all(Array.from({ length: 20 }, () => client.refresh(second)));
          expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
          const successors = new Set(answers.map(({ body }) => body.refresh_token));
          expect(successors.size).toBe(1);
          expect((await client.refresh([...successors][0])).status).toBe(200);
        });
      }
    });
  });
}
