import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseNamed } from '../support/databases.js';
import type { DemoProcess } from '../support/demo-process.js';
import { Service } from '../support/demo-service.js';
import { type AuthBody, send } from '../support/http.js';
import { SECOND } from '../support/listening.js';

const SESSIONS = 12;
/** Longer than the grace window of ten seconds. */
const FAULT = 14 * SECOND;
const PATIENCE = 2.5 * SECOND;

/** A client without keys. It keeps the last token that it has received, and asks again with it. */
class KeylessClient {
  constructor(private token: string) {}

  /** Asks once. It hangs up when its patience is over. Returns the status; 0 for no answer. */
  async ask({ url }: DemoProcess, patience = PATIENCE): Promise<number> {
    const asked = this.token;
    try {
      const response = await fetch(`${url}/auth/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refresh_token: asked }),
        signal: AbortSignal.timeout(patience),
      });
      const body = (await response.json()) as AuthBody;
      if (response.status === 200 && this.token === asked) this.token = body.refresh_token;
      return response.status;
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
  describe.skipIf(!databaseNamed(name).available)(`requests that come late, on ${name}`, () => {
    const service = new Service({ title: name, database: name, redis: false, delay: '1s' });
    let demos: DemoProcess[];
    beforeAll(async () => {
      await service.start(3);
      ({ demos } = service);
      service.issuer.users.loadUser = async (id) => ({ id, roles: ['user'] });
    }, 120_000);
    afterAll(() => service.stop());

    /** Sessions of a user whom the demo knows. */
    async function clients(): Promise<KeylessClient[]> {
      const { body } = await send<AuthBody>('POST', `${demos[0].url}/auth/login`, {
        body: { username: 'alice', password: 'alice-password', transport: 'body' },
      });
      const alice = { id: subjectOf(body.access_token), roles: ['user'] };
      const issued = await Promise.all(
        Array.from({ length: SESSIONS }, () => service.issuer.service.issue(alice, { transport: 'body' })),
      );
      return issued.map(({ refreshToken }) => new KeylessClient(refreshToken));
    }

    async function expectAllAlive(all: readonly KeylessClient[]): Promise<void> {
      for (const one of all) expect(await one.ask(demos[0], 20 * SECOND)).toBe(200);
    }

    it.each([
      ['hang up', PATIENCE],
      ['wait for it', 60 * SECOND],
    ])(
      'of an instance that was frozen end no session, whether the clients %s',
      async (_, patience) => {
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
        await expectAllAlive(all);
      },
      120_000,
    );
  });
}

function subjectOf(accessToken: string): string {
  return (JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString()) as { sub: string }).sub;
}
