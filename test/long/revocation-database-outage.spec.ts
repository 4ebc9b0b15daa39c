import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoProcess } from '../support/demo-process.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import {
  available,
  expectSoon,
  feedHealth,
  Service,
  type ServiceSetup,
  signIn,
  verdictOf,
} from '../support/demo-service.js';
import { eventually } from '../support/eventually.js';

const setups: ServiceSetup[] = [
  { title: 'PostgreSQL', database: 'postgres', redis: false, delay: '1s' },
  { title: 'MariaDB', database: 'mariadb', redis: false, delay: '1s' },
];

/** Milliseconds. */
const OUTAGE = 5_000;

for (const setup of setups) {
  describe.skipIf(!available(setup))(
    `the database away for five seconds, on ${setup.title}`,
    { concurrent: true },
    () => {
      const service = new Service(setup);
      let proxy: TcpProxy;
      /** This one always has it. */
      let a: DemoProcess;
      let cutOff: DemoProcess;
      beforeAll(async () => {
        await service.start(1);
        proxy = await startTcpProxy(service.database.url!);
        cutOff = await service.launch({ DATABASE_URL: proxy.url });
        a = service.demos[0];
      });
      afterAll(async () => {
        await service.stop();
        await proxy?.close();
      });

      it.sequential('costs no guarded request, no session and no revocation', async () => {
        const kept = await signIn(cutOff, 'alice');
        const ended = await signIn(cutOff, 'bob');

        proxy.cut();
        const backAt = performance.now() + OUTAGE;
        const answer = await send('POST', `${a.url}/auth/logout`, { body: { refresh_token: ended.refreshToken } });
        expect(answer.status).toBe(204);
        await eventually(() => expect(cutOff.output()).toContain('The list of revoked sessions cannot be read'));

        let served = 0;
        do {
          expect(await verdictOf(cutOff, kept.accessToken)).toBe('accepted');
          served++;
          const refused = [
            await refresh(cutOff.url, kept.refreshToken),
            await login(cutOff.url, { username: 'alice', password: 'alice-password' }),
            await send('POST', `${cutOff.url}/auth/logout`, { headers: bearer(kept.accessToken) }),
          ];
          for (const { status, headers, body } of refused) {
            expect({ status, body }).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
            expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
          }
          for (const path of ['/health', '/health/ready']) {
            expect((await send('GET', cutOff.url + path)).status).toBe(503);
          }
          expect((await send('GET', `${cutOff.url}/health/live`)).status).toBe(200);
        } while (performance.now() < backAt);
        expect(served).toBeGreaterThan(0);
        proxy.restore();

        await expectSoon([cutOff], ended.accessToken, 'token_revoked');
        expect(await verdictOf(cutOff, kept.accessToken)).toBe('accepted');
        // The token that was sent meanwhile has not been consumed.
        const refreshed = await refresh(cutOff.url, kept.refreshToken);
        expect(refreshed.status).toBe(200);
        expect(await refresh(cutOff.url, refreshed.body.refresh_token)).toMatchObject({ status: 200 });
        await eventually(async () => expect(await feedHealth(cutOff)).toMatchObject({ stale: false }));

        const said = (text: string) => cutOff.output().split(text).length - 1;
        expect(said('The list of revoked sessions cannot be read')).toBe(1);
        expect(said('The list of revoked sessions is up to date again')).toBe(1);
      });

      it.sequential(
        'and where another server takes its place without a goodbye, that costs seconds',
        async ({ expect }) => {
          const { refreshToken } = await signIn(cutOff, 'alice');
          // Several connections at once: what is written in the background meets one that is silent, too.
          await Promise.all(Array.from({ length: 4 }, () => send('GET', `${cutOff.url}/health`)));
          proxy.strand();
          const answered = async () => {
            const answer = await refresh(cutOff.url, refreshToken);
            if (answer.status !== 200) expect(answer).toMatchObject({ status: 503 });
            return answer.status;
          };
          await expect.poll(answered, { timeout: 40_000 }).toBe(200);
          const health = async () => (await send('GET', `${cutOff.url}/health`)).status;
          await expect.poll(health, { timeout: 40_000 }).toBe(200);
        },
      );

      it.sequential('and then revocations go both ways again', async () => {
        const [here, there] = [await signIn(a, 'alice'), await signIn(cutOff, 'alice')];
        await send('POST', `${a.url}/auth/logout`, { headers: bearer(here.accessToken) });
        await send('POST', `${cutOff.url}/auth/logout`, { headers: bearer(there.accessToken) });
        await expectSoon([a, cutOff], here.accessToken, 'token_revoked');
        await expectSoon([a, cutOff], there.accessToken, 'token_revoked');
      });
    },
  );
}
