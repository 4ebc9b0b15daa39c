import { randomUUID } from 'node:crypto';
import type { AuthUser } from 'nestjs-refresh-token';
import type { SessionEndReason } from '../../src/auth/refresh-token/refresh-rule.js';
import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../support/every-database.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const BOB: AuthUser = { id: 'user-bob', roles: ['user'] };
const INVALID_GRANT = { code: 'invalid_grant' };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const options = { refreshToken: { ttl: '3h', idleTtl: '2h', grace: '10s' } };

/** When a session that is refreshed only at the given times is dead; a millisecond before, it lives. */
const deaths: { reason: SessionEndReason; refreshedAt: number[]; dead: number }[] = [
  { reason: 'idle', refreshedAt: [], dead: 2 * HOUR },
  { reason: 'expired', refreshedAt: [90 * MINUTE], dead: 3 * HOUR },
];

describe('sessions', () => {
  onEveryDatabase({ options }, (host) => {
    it('a token is refreshed once, then its successor', async () => {
      const { service } = host();
      const first = await service.issue(ALICE);
      const second = await service.refresh(first.refreshToken);
      const third = await service.refresh(second.refreshToken);
      expect(new Set([first, second, third].map(({ refreshToken }) => refreshToken)).size).toBe(3);
      expect(third.sessionId).toBe(first.sessionId);
    });

    it('inside the window a token is answered with the same successor, however often at once', async () => {
      const { service, clock } = host();
      const { refreshToken } = await service.issue(ALICE);
      const parallel = await Promise.all(Array.from({ length: 20 }, () => service.refresh(refreshToken)));
      clock.advance(9_999);
      const successors = [...parallel, await service.refresh(refreshToken)].map((tokens) => tokens.refreshToken);
      expect(new Set(successors).size).toBe(1);
    });

    it('inside the window each token of a burst is answered with the live one', async () => {
      const { service, clock } = host();
      const first = await service.issue(ALICE);
      const second = await service.refresh(first.refreshToken);
      clock.advance(5_000);
      const third = await service.refresh(second.refreshToken);
      clock.advance(4_999);
      for (const { refreshToken } of [first, second]) {
        expect((await service.refresh(refreshToken)).refreshToken).toBe(third.refreshToken);
      }
      // The window ends 10 s after the first refresh of the burst, however many followed.
      clock.advance(1);
      await expect(service.refresh(second.refreshToken)).rejects.toMatchObject(INVALID_GRANT);
      await expect(service.refresh(third.refreshToken)).rejects.toMatchObject(INVALID_GRANT);
    });

    it('a retry is answered with the same successor, however late, three times', async () => {
      const { service, clock, events } = host();
      const { refreshToken } = await service.issue(ALICE);
      const use = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };
      const successor = await service.refresh(refreshToken, {}, {}, use);
      for (let times = 0; times < 3; times++) {
        clock.advance(30 * MINUTE);
        const retry = await service.refresh(refreshToken, {}, {}, use);
        expect(retry.refreshToken).toBe(successor.refreshToken);
        expect(events.at(-1)).toMatchObject({ type: 'refresh_repeated', reason: 'late_retry' });
        expect(events.at(-1)!.alert).toBeUndefined();
      }
      clock.advance(20 * MINUTE);
      await expect(service.refresh(refreshToken, {}, {}, use)).rejects.toMatchObject({ code: 'superseded' });
      await expect(service.refresh(successor.refreshToken)).resolves.toBeDefined();
    });

    it('a straggler of a request that is finished ends nothing', async () => {
      const { service, clock, events } = host();
      const first = await service.issue(ALICE);
      const use = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };
      const second = await service.refresh(first.refreshToken, {}, {}, use);
      const third = await service.refresh(second.refreshToken);
      clock.advance(HOUR);
      await expect(service.refresh(first.refreshToken, {}, {}, use)).rejects.toMatchObject({ code: 'superseded' });
      expect(events.at(-1)).toMatchObject({ type: 'refresh_denied', reason: 'superseded' });
      await expect(service.refresh(third.refreshToken)).resolves.toBeDefined();
    });

    it('a token that was also given to another ends its session, and no other', async () => {
      const { service, clock, events } = host();
      const key = 'uQ3nT0kq9o2dJc5w';
      const [stolen, other] = [await service.issue(ALICE), await service.issue(ALICE)];
      const ofOwner = await service.refresh(stolen.refreshToken, {}, {}, { idempotencyKey: key });
      // The thief has copied the predecessor, and asks within the window.
      clock.advance(1_000);
      const ofThief = await service.refresh(stolen.refreshToken, {}, {}, { idempotencyKey: 'p8VxkLr2mZ0aWb7e' });
      expect(ofThief.refreshToken).toBe(ofOwner.refreshToken);

      clock.advance(15 * MINUTE);
      const receivedWith = { generation: 1, keys: [key] };
      const next = { idempotencyKey: 'mB4nT8wL1cR6yH3j', receivedWith };
      await expect(service.refresh(ofOwner.refreshToken, {}, {}, next)).rejects.toMatchObject(INVALID_GRANT);
      expect(events.at(-1)).toMatchObject({ type: 'token_shared', alert: true, sessionId: stolen.sessionId });
      await expect(service.refresh(ofThief.refreshToken)).rejects.toMatchObject(INVALID_GRANT);
      await expect(service.refresh(other.refreshToken)).resolves.toBeDefined();
    });

    it('after the window it is reuse: that session ends, and no other', async () => {
      const { service, clock, events } = host();
      const [stolen, other] = [await service.issue(ALICE), await service.issue(ALICE)];
      const successor = await service.refresh(stolen.refreshToken);
      clock.advance(10_000);
      await expect(service.refresh(stolen.refreshToken)).rejects.toMatchObject(INVALID_GRANT);
      expect(events.at(-1)).toMatchObject({ type: 'reuse_detected', alert: true, sessionId: stolen.sessionId });
      await expect(service.refresh(successor.refreshToken)).rejects.toMatchObject(INVALID_GRANT);
      await expect(service.refresh(other.refreshToken)).resolves.toBeDefined();
    });

    it.for(deaths)('a session is $reason to the millisecond', async ({ reason, refreshedAt, dead }) => {
      const { service, clock, events } = host();
      const begin = clock.now();
      const sessions = [await service.issue(ALICE), await service.issue(ALICE)].map(({ refreshToken }) => refreshToken);
      for (const at of refreshedAt) {
        clock.time = begin + at;
        for (const session of [0, 1]) sessions[session] = (await service.refresh(sessions[session])).refreshToken;
      }
      clock.time = begin + dead - 1;
      await expect(service.refresh(sessions[0])).resolves.toBeDefined();
      clock.time = begin + dead;
      await expect(service.refresh(sessions[1])).rejects.toMatchObject(INVALID_GRANT);
      expect(events.at(-1)).toMatchObject({ type: 'refresh_denied', reason });
    });

    it('revoke ends one session, once, and only its own user may', async () => {
      const { service } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      expect(await service.revoke(sessionId, 'ended_by_user', { userId: BOB.id })).toBe(false);
      expect(await service.revoke(randomUUID(), 'ended_by_user')).toBe(false);
      const successor = await service.refresh(refreshToken);
      expect(await service.revoke(sessionId, 'ended_by_user', { userId: ALICE.id })).toBe(true);
      expect(await service.revoke(sessionId, 'ended_by_user', { userId: ALICE.id })).toBe(false);
      for (const token of [refreshToken, successor.refreshToken]) {
        await expect(service.refresh(token)).rejects.toMatchObject(INVALID_GRANT);
      }
    });

    it('revokeAllOfUser ends the sessions of one user, but for the one that is named', async () => {
      const { service } = host();
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
      const [spared, ...others] = [await service.issue(ALICE), await service.issue(ALICE), await service.issue(ALICE)];
      const bob = await service.issue(BOB);
      const { sessionId: exceptSessionId } = spared;
      expect(await service.revokeAllOfUser(ALICE.id, 'logout_all', { exceptSessionId })).toBe(2);
      for (const { refreshToken } of others) {
        await expect(service.refresh(refreshToken)).rejects.toMatchObject(INVALID_GRANT);
      }
      for (const { refreshToken } of [spared, bob]) await expect(service.refresh(refreshToken)).resolves.toBeDefined();
      expect(await service.revokeAllOfUser(ALICE.id, 'logout_all')).toBe(1);
      expect(await service.revokeAllOfUser(ALICE.id, 'logout_all')).toBe(0);
    });

    it('list shows the live sessions of a user, the last used first', async () => {
      const { service, clock } = host();
      await service.revokeAllOfUser(BOB.id, 'logout_all');
      expect(await service.list(BOB.id)).toEqual([]);
      const idle = await service.issue(BOB);
      clock.advance(HOUR);
      const [a, b, revoked] = [await service.issue(BOB), await service.issue(BOB), await service.issue(BOB)];
      await service.revoke(revoked.sessionId, 'logout');
      expect((await service.list(BOB.id)).map(({ id }) => id)).toContain(idle.sessionId);
      clock.advance(HOUR);
      await service.refresh(a.refreshToken);
      // Lists tell the time of the last use to five minutes.
      clock.advance(5 * MINUTE);
      await service.refresh(b.refreshToken);
      expect((await service.list(BOB.id)).map(({ id }) => id)).toEqual([b.sessionId, a.sessionId]);
    });
  });
});
