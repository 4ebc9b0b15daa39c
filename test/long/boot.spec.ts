import { describe, expect, it, onTestFinished } from 'vitest';
import { SECRET } from '../support/auth-app.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { bearer, login, send } from '../support/http.js';
import { ADMIN, serverDatabases } from '../support/two-servers.js';

const ADAPTERS = ['express', 'fastify', 'express'];

describe('three servers that start at once on an empty database', () => {
  for (const { name, available, create } of serverDatabases) {
    it.skipIf(!available)(`become ready, and the users are there once, on ${name}`, async () => {
      const database = await create();
      onTestFinished(() => database.drop());
      const env = { DATABASE_URL: database.url!, AUTH_SECRET: SECRET };
      const starting = ADAPTERS.map((HTTP_ADAPTER) => startDemo({ ...env, HTTP_ADAPTER }));
      onTestFinished(() => stopAll(starting));

      for (const { url } of await Promise.all(starting)) {
        const { body: admin } = await login(url, ADMIN);
        const headers = bearer(admin.access_token);
        const { body: users } = await send<{ username: string }[]>('GET', `${url}/admin/users`, { headers });
        expect(users.map(({ username }) => username)).toEqual(['admin', 'alice', 'bob']);
      }
    });
  }
});

async function stopAll(starting: Promise<DemoProcess>[]): Promise<void> {
  for (const started of await Promise.allSettled(starting)) {
    if (started.status === 'fulfilled') await started.value.stop();
  }
}
