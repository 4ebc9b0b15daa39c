import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoProcess } from '../support/demo-process.js';
import { feedHealth, Service, type ServiceSetup, signIn, verdictOf } from '../support/demo-service.js';
import { DpopClient, generateProofKey, type ProofKey } from '../support/dpop.js';
import { refresh, send, bearer } from '../support/http.js';
import { DAY, HOUR, MINUTE, SECOND } from '../support/listening.js';
import { databaseNamed } from '../support/databases.js';
import { withClockAhead, wrongClocksAvailable } from '../support/wrong-clock.js';

/** How far the clock of each process is ahead. */
const CLOCKS = { right: 0, late: -12 * SECOND, veryLate: -8 * DAY, early: HOUR };
type Name = keyof typeof CLOCKS;
const NAMES = Object.keys(CLOCKS) as Name[];
/** Milliseconds: a busy machine takes this long from a request to the row. */
const BUSY = 3 * SECOND;
const IDLE_TTL = 7 * DAY;

const setups: ServiceSetup[] = [
  { title: 'PostgreSQL', database: 'postgres', redis: false, delay: '1s' },
  { title: 'MariaDB', database: 'mariadb', redis: false, delay: '1s' },
];

for (const setup of setups) {
  const available = wrongClocksAvailable && databaseNamed(setup.database).available;
  describe.skipIf(!available)(`processes whose clocks are wrong, on ${setup.title}`, () => {
    const service = new Service(setup);
    const demos = {} as Record<Name, DemoProcess>;
    let key: ProofKey;
    beforeAll(async () => {
      key = await generateProofKey();
      await service.start(0);
      for (const name of NAMES) {
        const adapter = name === 'early' ? 'fastify' : 'express';
        demos[name] = await service.launch({ HTTP_ADAPTER: adapter, ...withClockAhead(CLOCKS[name] / SECOND) });
      }
    });
    afterAll(() => service.stop());

    const rowOf = async (sessionId: string): Promise<Record<string, number>> => {
      const [row] = await service.issuer.dataSource.query(
        `SELECT created_at, last_used_at, expires_at FROM refresh_tokens WHERE id = '${sessionId}'`,
      );
      return Object.fromEntries(Object.entries(row as object).map(([name, time]) => [name, Number(time)]));
    };
    const expectNow = (time: number) => expect(Math.abs(time - Date.now())).toBeLessThan(BUSY);

    const pairs = NAMES.flatMap((begins) =>
      NAMES.filter((name) => name !== begins).map((goesOn) => ({ begins, goesOn })),
    );
    it.for(pairs)('a session of the $begins one goes on at the $goesOn one', async ({ begins, goesOn }) => {
      const { sessionId, accessToken, refreshToken } = await signIn(demos[begins], 'alice');
      const begun = await rowOf(sessionId);
      expectNow(begun.created_at);
      expectNow(begun.last_used_at);
      expect(begun.expires_at).toBeGreaterThan(begun.created_at);
      for (const name of NAMES) expect(await verdictOf(demos[name], accessToken), name).toBe('accepted');

      const answer = await refresh(demos[goesOn].url, refreshToken);
      expect(answer).toMatchObject({ status: 200, body: { expires_in: 900 } });
      const { last_used_at: usedAt, created_at: createdAt } = await rowOf(sessionId);
      expectNow(usedAt);
      expect(createdAt).toBe(begun.created_at);
      for (const name of NAMES) expect(await verdictOf(demos[name], answer.body.access_token), name).toBe('accepted');

      // The answer was lost: within the window, any instance gives it again.
      expect(await refresh(demos[begins].url, refreshToken)).toMatchObject({ status: 200 });
      const next = await refresh(demos[begins].url, answer.body.refresh_token);
      expect(next.status).toBe(200);
      expectNow((await rowOf(sessionId)).last_used_at);
    });

    it.for(NAMES)('the %s one shows by how much its clock is off, and says so', async (name) => {
      const health = await feedHealth(demos[name]);
      expect(Math.abs(health.clock_offset_ms - CLOCKS[name])).toBeLessThan(BUSY);
      const warnings = demos[name].output().split('The clock of this machine is').length - 1;
      expect(warnings).toBe(name === 'right' ? 0 : 1);
    });

    it.for(NAMES)('the %s one tells a client with a wrong clock the right time', async (name) => {
      const { url } = demos[name];
      const client = (ahead: number) => new DpopClient(key, url, () => Date.now() + ahead);
      const credentials = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
      const refused = await client(CLOCKS[name] || HOUR).login(credentials);
      expect(refused).toMatchObject(
        name === 'late' ? { status: 200 } : { status: 400, body: { error: 'invalid_dpop_proof' } },
      );
      if (name !== 'late') expectNow(Date.parse(refused.headers.get('date')!));
      expect(await client(0).login(credentials)).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    });

    it('an idle session has ended, by the clock of the database, at all of them', async () => {
      const [fresh, idle] = [await signIn(demos.veryLate, 'bob'), await signIn(demos.early, 'bob')];
      const set = (sessionId: string, ago: number) =>
        service.issuer.dataSource.query(
          `UPDATE refresh_tokens SET last_used_at = ${Date.now() - ago} WHERE id = '${sessionId}'`,
        );
      await set(fresh.sessionId, IDLE_TTL - MINUTE);
      await set(idle.sessionId, IDLE_TTL + MINUTE);
      for (const name of NAMES)
        expect(await refresh(demos[name].url, idle.refreshToken)).toMatchObject({ status: 401 });
      expect(await refresh(demos.early.url, fresh.refreshToken)).toMatchObject({ status: 200 });
      const sessions = await send<unknown[]>('GET', `${demos.veryLate.url}/auth/sessions`, {
        headers: bearer(fresh.accessToken),
      });
      expect(sessions.status).toBe(200);
    });
  });
}
