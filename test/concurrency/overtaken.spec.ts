import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthUser } from 'nestjs-refresh-token';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { lockSessions } from '../support/row-lock.js';
import { serverDatabases } from '../support/two-servers.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };

it.for([1, 2, 3])('a slow request that is overtaken by %i refreshes of its session is answered, too', async (count) => {
  const { service, users, clock, close } = await createAuthContext(await databaseNamed('sqljs').create());
  onTestFinished(close);
  const { refreshToken } = await service.issue(ALICE);

  let answer!: (user: AuthUser) => void;
  const asked = new Promise<void>((isAsked) => {
    users.loadUser = () => {
      isAsked();
      return new Promise((resolve) => (answer = resolve));
    };
  });
  const slow = service.refresh(refreshToken);
  await asked;

  // The client does not wait for it: it asks again with the same token, is answered, and goes on.
  users.loadUser = async () => ALICE;
  let live = refreshToken;
  for (let refreshed = 0; refreshed < count; refreshed++) {
    clock.advance(60_000); // far longer than the window
    live = (await service.refresh(live)).refreshToken;
  }

  answer(ALICE);
  // Its token was live when it was first read. So it is a race, and gets the live token.
  expect((await slow).refreshToken).toBe(live);
  await expect(service.refresh(live)).resolves.toBeDefined();
});

describe('a rotation that the database carries out late', () => {
  for (const { name, available, create } of serverDatabases) {
    it.skipIf(!available)(`does not make a reuse of those who asked again meanwhile, on ${name}`, async () => {
      const database = await create();
      onTestFinished(() => database.drop());
      const { service, clock, close } = await createAuthContext(database);
      onTestFinished(close);
      const { refreshToken, sessionId } = await service.issue(ALICE);

      const lock = await lockSessions(database, [sessionId]);
      const first = service.refresh(refreshToken);
      await lock.awaited();
      clock.advance(60_000); // far longer than the window
      const again = service.refresh(refreshToken);
      await lock.awaited(2);
      await lock.release();

      const [one, other] = await Promise.all([first, again]);
      expect(other.refreshToken).toBe(one.refreshToken);
      await expect(service.refresh(one.refreshToken)).resolves.toBeDefined();
    });

    it.skipIf(!available)(`leaves the other tokens of its burst in the window, on ${name}`, async () => {
      const database = await create();
      onTestFinished(() => database.drop());
      const { service, clock, close } = await createAuthContext(database);
      onTestFinished(close);
      const { refreshToken: first, sessionId } = await service.issue(ALICE);
      const { refreshToken: second } = await service.refresh(first);

      const lock = await lockSessions(database, [sessionId]);
      const slow = service.refresh(second);
      await lock.awaited();
      await sleep(1_100); // longer than a quick commit takes
      clock.advance(5_000);
      await lock.release();
      const { refreshToken: live } = await slow;

      // The first request of the burst is repeated, 6 s after its answer: its window is still open.
      clock.advance(1_000);
      expect((await service.refresh(first)).refreshToken).toBe(live);
      expect((await service.refresh(second)).refreshToken).toBe(live);
      // The answer of the slow one left 1 s ago, so a repeat has 9 s left.
      clock.advance(8_999);
      expect((await service.refresh(second)).refreshToken).toBe(live);
      clock.advance(1);
      await expect(service.refresh(second)).rejects.toMatchObject({ code: 'invalid_grant' });
    });
  }
});
