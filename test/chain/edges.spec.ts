import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuthUser, Clock, RevocationFeed } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KeyRing } from '../../src/auth/common/crypto/key-ring.js';
import { StallWatch } from '../../src/auth/common/time/stall-watch.js';
import { RefreshTokenCodec } from '../../src/auth/refresh-token/refresh-token.codec.js';
import { RefreshTokenStore } from '../../src/auth/session/refresh-token.store.js';
import { type AuthSetup, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { MINUTE, SECOND } from '../support/listening.js';
import { lockSessions } from '../support/row-lock.js';
import { serverDatabases } from '../support/two-servers.js';
import { eventually } from '../support/eventually.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const chrome = (version: number) =>
  `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
const OWNER = { ip: '192.0.2.1', userAgent: chrome(130) };
const THIEF = { ip: '203.0.113.9', userAgent: chrome(99) };
const key = (number: number) => ({ idempotencyKey: `key-of-a-use-${number}-000` });

async function host(setup: AuthSetup = {}) {
  const context = await createAuthContext(await databaseNamed('sqljs').create(), setup);
  onTestFinished(() => context.close());
  return context;
}

it.each([
  ['sends no key', undefined],
  ['makes up a key for each use', 0],
])('a thief in lock-step with an owner without keys raises alerts if it %s', async (_, start) => {
  const { service, clock, events } = await host();
  let live = (await service.issue(ALICE, {}, OWNER)).refreshToken;
  for (let round = 0; round < 4; round++) {
    clock.advance(12 * MINUTE);
    const next = (await service.refresh(live, OWNER)).refreshToken;
    clock.advance(SECOND);
    const stolen = await service.refresh(live, THIEF, {}, start === undefined ? {} : key(round));
    expect(stolen.refreshToken).toBe(next);
    live = next;
  }
  const reasons = events.filter(({ alert }) => alert).flatMap(({ reasons = [] }) => reasons);
  expect(reasons.filter((reason) => reason === 'other_network_and_agent')).toHaveLength(4);
  expect(reasons.filter((reason) => reason === 'repeated_in_a_row')).toHaveLength(1);
});

it('a thief that makes up a claim, too, ends the session', async () => {
  const { service, clock, events } = await host();
  const { refreshToken } = await service.issue(ALICE, {}, OWNER);
  await service.refresh(refreshToken, OWNER);
  clock.advance(SECOND);
  const receivedWith = { generation: 0, keys: [key(1).idempotencyKey] };
  const stolen = service.refresh(refreshToken, THIEF, {}, { ...key(2), receivedWith });
  await expect(stolen).rejects.toMatchObject({ code: 'invalid_grant' });
  expect(events.at(-1)).toMatchObject({ type: 'token_shared', alert: true });
});

it('without a window, a retry by key while the answer waits makes no theft of another tab', async () => {
  const { service, events } = await host({ clock: new Clock(), options: { refreshToken: { grace: '0s' } } });
  const { refreshToken } = await service.issue(ALICE);
  const first = service.refresh(refreshToken, {}, {}, key(1));
  await eventually(() => expect(events.some(({ type }) => type === 'refreshed')).toBe(true));
  const again = await service.refresh(refreshToken, {}, {}, key(1));
  await expect(service.refresh(refreshToken, {}, {}, key(2))).rejects.toMatchObject({ code: 'invalid_grant' });
  expect((await first).refreshToken).toBe(again.refreshToken);
  await expect(service.refresh(again.refreshToken, {}, {}, key(3))).resolves.toBeDefined();
});

describe.each(['an outage of the table', 'a stall of the process'])('after %s', (what) => {
  it.each([false, true])(
    'the straggler of a burst is answered, also if another tab rotates first: %s',
    async (first) => {
      const { service, clock, module } = await host();
      const { refreshToken } = await service.issue(ALICE);
      clock.advance(12 * MINUTE);
      const second = (await service.refresh(refreshToken)).refreshToken;
      clock.advance(15 * SECOND);
      if (what.startsWith('an outage')) {
        vi.spyOn(module.get(RevocationFeed), 'unreadableSince').mockImplementation((since) =>
          Math.min(14 * SECOND, clock.now() - since),
        );
      } else vi.spyOn(module.get(StallWatch, { strict: false }), 'lag').mockReturnValue(14 * SECOND);
      const live = first ? (await service.refresh(second)).refreshToken : second;
      expect((await service.refresh(refreshToken)).refreshToken).toBe(live);
    },
  );

  it('the lost answer of the next rotation is repeated, also by an instance without that fault', async () => {
    const { service, clock, module } = await host();
    const { refreshToken } = await service.issue(ALICE);
    clock.advance(12 * MINUTE);
    const second = (await service.refresh(refreshToken)).refreshToken;
    clock.advance(23 * SECOND);
    const fault = what.startsWith('an outage')
      ? vi.spyOn(module.get(RevocationFeed), 'unreadableSince')
      : vi.spyOn(module.get(StallWatch, { strict: false }), 'lag');
    fault.mockReturnValue(14 * SECOND);
    const live = (await service.refresh(second)).refreshToken;
    fault.mockReturnValue(0);
    clock.advance(2 * SECOND);
    expect((await service.refresh(second)).refreshToken).toBe(live);
    // The other requests of the burst are still good, too.
    expect((await service.refresh(refreshToken)).refreshToken).toBe(live);
    clock.advance(8 * SECOND);
    await expect(service.refresh(second)).rejects.toMatchObject({ code: 'invalid_grant' });
  });
});

it('repeats with and without a key that are written together are counted', async () => {
  const { service, clock, dataSource, events } = await host();
  let live = (await service.issue(ALICE)).refreshToken;
  for (let round = 0; round < 3; round++) {
    clock.advance(12 * MINUTE);
    const next = (await service.refresh(live)).refreshToken;
    await Promise.all([service.refresh(live), service.refresh(live, {}, {}, key(round))]);
    live = next;
  }
  const [{ repeatedInARow }] = await dataSource.getRepository(RefreshToken).find();
  expect(repeatedInARow).toBe(3);
  expect(events.filter(({ reasons }) => reasons?.includes('repeated_in_a_row'))).toHaveLength(1);
});

it('a repeat does not write an older start over a window that has started again', async () => {
  const { module, service, clock, dataSource } = await host();
  const store = module.get(RefreshTokenStore, { strict: false });
  const { refreshToken } = await service.issue(ALICE);
  await service.refresh(refreshToken);
  const find = store.findTogether.bind(store);
  const reading = vi.spyOn(store, 'findTogether').mockImplementationOnce(async (id) => {
    const row = await find(id);
    clock.advance(5 * SECOND);
    await store.postponeWindow(id, { generation: 1, windowGeneration: 0, windowStartedAt: clock.now() });
    return row;
  });
  await service.refresh(refreshToken, {}, {}, key(1));
  expect(reading).toHaveBeenCalledTimes(2);
  const [{ windowStartedAt }] = await dataSource.getRepository(RefreshToken).find();
  expect(windowStartedAt).toBe(clock.now());
});

it('the keys alone cannot sign a user out by a forged refresh token', async () => {
  const { module, service, events } = await host();
  const { sessionId, refreshToken } = await service.issue(ALICE);
  const codec = module.get(RefreshTokenCodec, { strict: false });
  const { current: keys } = module.get(KeyRing, { strict: false });
  const forged = codec.encode({ keys, sessionId, generation: 0, root: randomBytes(32), voucher: randomBytes(24) });
  expect(await service.revokeByToken(forged, 'logout')).toBe(false);
  expect(events.at(-1)).toMatchObject({ type: 'refresh_denied', reason: 'not_genuine', alert: true });
  expect(await service.revokeByToken(refreshToken, 'logout')).toBe(true);
});

describe('a locked row', () => {
  for (const database of serverDatabases) {
    it.skipIf(!database.available)(`does not hold up the repeats of other sessions, on ${database.name}`, async () => {
      const created = await database.create();
      onTestFinished(() => created.drop());
      const { service, close } = await createAuthContext(created, { clock: new Clock() });
      onTestFinished(close);
      const sessions = await Promise.all([1, 2, 3].map(() => service.issue(ALICE)));
      for (const { refreshToken } of sessions) await service.refresh(refreshToken);
      const lock = await lockSessions(created, [sessions[0].sessionId]);
      const [locked, ...others] = sessions.map(({ refreshToken }) => service.refresh(refreshToken));
      let isAnswered = false;
      void locked.finally(() => (isAnswered = true));
      await Promise.all(others);
      expect(isAnswered).toBe(false);
      await lock.release();
      await locked;
      await sleep(0);
      expect(isAnswered).toBe(true);
    });
  }
});
