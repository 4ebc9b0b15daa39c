import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { type HeldRequest, holdRequest } from '../support/held-request.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { eventually } from '../support/eventually.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

const postgres = databaseNamed('postgres');
const redisUrl = inject('redisUrl');

describe.skipIf(!postgres.available).each(['express', 'fastify'])(
  'an instance on %s that is asked to end',
  (adapter) => {
    let database: TestDatabase;
    let other: DemoProcess;

    beforeAll(async () => {
      database = await postgres.create();
      other = await launch();
    });

    afterAll(async () => {
      await other?.stop();
      await database?.drop();
    });

    const launch = (env: Record<string, string> = {}) =>
      startDemo({
        DATABASE_URL: database.url!,
        AUTH_SECRET: 'while-it-drains-while-it-drains-while-it',
        HTTP_ADAPTER: adapter,
        REVOCATION_DELAY: '200ms',
        RISK_RULES: 'off',
        ...env,
      });

    async function start(env: Record<string, string> = {}): Promise<DemoProcess> {
      const demo = await launch(env);
      onTestFinished(async () => void (await demo.stop()));
      return demo;
    }

    const asksFor = (demo: DemoProcess, accessToken: string) =>
      holdRequest('DELETE', `${demo.url}/auth/sessions/${randomUUID()}`, { headers: bearer(accessToken) });

    test('answers what it has begun to read, and ends each connection with its answer', async () => {
      const demo = await start();
      const { body: signedIn } = await login(demo.url, ALICE);
      const held = await Promise.all([
        holdRequest('POST', `${demo.url}/auth/refresh`, { body: { refresh_token: signedIn.refresh_token } }),
        holdRequest('POST', `${demo.url}/auth/login`, { body: ALICE }),
        asksFor(demo, signedIn.access_token),
      ]);
      demo.kill('SIGTERM');
      await closedToOthers(demo);
      const answers = await Promise.all(held.map((request) => request.finish()));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 404]);
      for (const { headers } of answers) expect(headers.get('connection')).toBe('close');
      expect(await demo.exited).toMatchObject({ signal: 'SIGTERM' });
    });

    test('learns of revocations by others until its last answer', async () => {
      const demo = await start();
      const { body: signedIn } = await login(demo.url, ALICE);
      const held: HeldRequest[] = [];
      for (let count = 0; count < 90; count++) held.push(await asksFor(demo, signedIn.access_token));
      demo.kill('SIGTERM');
      await closedToOthers(demo);

      expect((await held.pop()!.finish()).status).toBe(404);
      expect((await send('POST', `${other.url}/auth/logout`, { headers: bearer(signedIn.access_token) })).status).toBe(
        204,
      );
      const refused = async () =>
        expect(await held.pop()!.finish()).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
      await eventually(refused, { interval: 100 });
      await Promise.all(held.map((request) => request.finish()));
    });

    for (const [where, env] of [
      ['the database', {}],
      ['Redis', { REDIS_URL: redisUrl ?? '' }],
    ] as const) {
      test.skipIf(where === 'Redis' && !redisUrl)(`refuses a replayed proof that is known to ${where}`, async () => {
        const demo = await start(env);
        const client = new DpopClient(await generateProofKey(), demo.url, Date.now);
        const { body: signedIn } = await client.login(ALICE);
        const used = await client.proof('POST', '/auth/refresh');
        const refreshed = await refresh(demo.url, signedIn.refresh_token, { dpop: used });
        expect(refreshed.status).toBe(200);

        const refreshes = async (dpop: string) =>
          holdRequest('POST', `${demo.url}/auth/refresh`, {
            headers: { dpop },
            body: { refresh_token: refreshed.body.refresh_token },
          });
        const replay = await refreshes(used);
        const first = await refreshes(await client.proof('POST', '/auth/refresh'));
        demo.kill('SIGTERM');
        await closedToOthers(demo);
        expect(await replay.finish()).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
        expect(await first.finish()).toMatchObject({ status: 200 });
      });
    }

    test('cuts a connection that stays busy, and ends', async () => {
      const demo = await start({ DRAIN_TIMEOUT: '1s' });
      const held = await holdRequest('POST', `${demo.url}/auth/login`, { body: ALICE });
      demo.kill('SIGTERM');
      await held.closed;
      expect(await demo.exited).toMatchObject({ signal: 'SIGTERM' });
      expect(demo.output()).toContain('Connections that were still busy 1000 ms after the server closed: 1.');
    });

    test('ends streams, so that their readers connect elsewhere', async () => {
      const demo = await start();
      const { body: signedIn } = await login(demo.url, ALICE);
      const stream = await fetch(`${demo.url}/story`, { headers: bearer(signedIn.access_token) });
      demo.kill('SIGTERM');
      expect(await stream.text()).toContain('begun');
      expect(await demo.exited).toMatchObject({ signal: 'SIGTERM' });
      expect(demo.output()).not.toContain('still busy');
    });
  },
);

/** Resolves when the server accepts no connection any more. */
async function closedToOthers(demo: DemoProcess): Promise<void> {
  const { hostname, port } = new URL(demo.url);
  const refused = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.once('error', () => resolve(true));
      socket.once('connect', () => resolve((socket.destroy(), false)));
    });
  await eventually(async () => expect(await refused()).toBe(true));
}
