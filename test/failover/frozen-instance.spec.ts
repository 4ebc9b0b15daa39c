import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signedIn, type TestClient } from '../support/clients.js';
import { databaseNamed } from '../support/databases.js';
import type { DemoProcess } from '../support/demo-process.js';
import { Service } from '../support/demo-service.js';
import { login } from '../support/http.js';
import { present } from '../support/keyed-client.js';
import { SECOND } from '../support/listening.js';
import { startRoundRobin } from '../support/round-robin.js';

const SESSIONS = 12;
/** Longer than the grace window of ten seconds. */
const FAULT = 15 * SECOND;
const PATIENCE = 2.5 * SECOND;

/** A client without keys. It keeps the last token that it has received, and asks again with it. */
class KeylessClient {
  constructor(private token: string) {}

  /** Asks once. It hangs up when its patience is over. Returns the status; 0 for no answer. */
  async ask({ url }: DemoProcess, patience = PATIENCE): Promise<number> {
    const asked = this.token;
    try {
      const request = { headers: {}, body: { refresh_token: asked } };
      const { status, body } = await present(url, request, AbortSignal.timeout(patience));
      if (status === 200 && this.token === asked) this.token = body.refresh_token;
      return status;
    } catch {
      return 0;
    }
  }

  /** Asks one instance after the other, until one answers. */
  async refresh(demos: readonly DemoProcess[]): Promise<void> {
    for (let turn = 0; turn < 60; turn++) {
      const status = await this.ask(demos[turn % demos.length]);
      if (status === 200) return;
      expect([0, 409, 503]).toContain(status);
      await sleep(300);
    }
    throw new Error('Nobody has answered.');
  }
}

for (const name of ['postgres', 'mariadb'] as const) {
  describe.skipIf(!databaseNamed(name).available)(`requests at a frozen instance, on ${name}`, () => {
    const service = new Service({ title: name, database: name, redis: false, delay: '1s' });
    let demos: DemoProcess[];
    beforeAll(async () => {
      await service.start(3);
      ({ demos } = service);
    });
    afterAll(() => service.stop());

    async function clients(): Promise<KeylessClient[]> {
      const credentials = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
      const answers = await Promise.all(Array.from({ length: SESSIONS }, () => login(demos[0].url, credentials)));
      return answers.map(({ body }) => new KeylessClient(body.refresh_token));
    }

    it.each([
      ['hang up', PATIENCE],
      ['wait for it', 60 * SECOND],
    ])('end no session of clients without keys that %s', async (_, patience) => {
      const all = await clients();
      const [first, second, frozen] = demos;
      frozen.kill('SIGSTOP');
      const late = all.map((one) => one.ask(frozen, patience));
      await sleep(SECOND);
      // The clients go on elsewhere, so that the late requests are one or two behind.
      await Promise.all(all.map((one) => one.refresh([first, second])));
      await Promise.all(all.slice(0, SESSIONS / 2).map((one) => one.refresh([second, first])));
      await sleep(FAULT);
      frozen.kill('SIGCONT');
      const statuses = await Promise.all(late);
      for (const status of statuses) expect([0, 200, 409, 503]).toContain(status);
      await sleep(2 * SECOND);
      for (const one of all) expect(await one.ask(first, 20 * SECOND)).toBe(200);
    });
  });
}

describe('the client of the package, behind a proxy for two instances', () => {
  it('keeps all sessions if one instance is frozen for 15 s', async () => {
    const service = new Service({ title: 'client', database: 'postgres', redis: false, delay: '1s' });
    // The client refreshes after three quarters of this time, which is longer than the grace window.
    const shortLived = { ACCESS_TOKEN_TTL: '16s' };
    let stopped = false;
    try {
      await service.start(0);
      const demos = [await service.launch(shortLived), await service.launch(shortLived)];
      const proxy = await startRoundRobin(demos.map(({ url }) => url));
      try {
        const clients = await Promise.all(Array.from({ length: SESSIONS }, () => signedIn(proxy.url)));
        const working = clients.map(async (client) => {
          while (!stopped) {
            await client.fetch('/profile', { signal: AbortSignal.timeout(PATIENCE) }).catch(() => undefined);
            await sleep(SECOND);
          }
        });
        await sleep(4 * SECOND);
        demos[1].kill('SIGSTOP');
        await sleep(FAULT);
        demos[1].kill('SIGCONT');
        await sleep(FAULT);
        stopped = true;
        await Promise.all(working);

        const lost = clients.filter(({ changes }) => changes.includes('ended')).length;
        process.stdout.write(`The client behind a proxy, one of two frozen: ${lost} of ${SESSIONS} lost\n`);
        expect(lost).toBe(0);
        for (const client of clients) expect(await profileOf(client)).toBe(200);
        const reasons = await service.issuer.dataSource.query(
          'SELECT revoked_reason FROM refresh_tokens WHERE revoked_at IS NOT NULL',
        );
        expect(reasons).toEqual([]);
      } finally {
        stopped = true;
        await proxy.close();
      }
    } finally {
      await service.stop();
    }
  }, 240_000);
});

async function profileOf(client: TestClient): Promise<number> {
  return (await client.fetch('/profile')).status;
}
