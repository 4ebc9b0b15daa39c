import type { AuthUser } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { REFRESH_TOKEN_PREFIX } from '../../src/auth/refresh-token/refresh-token.codec.js';
import { describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const DAY = 86_400_000;
const USE = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };
const OTHER_USE = { idempotencyKey: 'p8VxkLr2mZ0aWb7e' };
const options = { refreshToken: { ttl: '30d', idleTtl: '7d', grace: '10s', scopes: ['read', 'write'] } };

describe('the row of a session', () => {
  onEveryDatabase({ options }, (host) => {
    it('after the login', async () => {
      const { service, clock } = host();
      const now = clock.now();
      const request = { clientId: 'web', deviceName: 'Laptop', scope: 'read write', transport: 'body' as const };
      const { sessionId, refreshToken } = await service.issue(ALICE, request, {
        ip: '2001:db8::1',
        userAgent: 'Browser',
      });
      const row = await rowOf(host(), sessionId);
      expect(row).toEqual({
        id: sessionId,
        userId: ALICE.id,
        clientId: 'web',
        deviceName: 'Laptop',
        tags: null,
        metadata: null,
        deviceHash: null,
        scope: 'read write',
        transport: 'body',
        generation: 0,
        tokenHash: expect.stringMatching(/^[\w-]{43}$/),
        keyId: expect.stringMatching(/^[\w-]{4}$/),
        seed: expect.stringMatching(/^[\w-]{43}$/),
        given: expect.stringMatching(/^[\w-]{16}$/),
        givenBefore: null,
        listsVersion: 0,
        windowGeneration: 0,
        windowStartedAt: 0,
        lateAnswersAt: 0,
        repeatedGeneration: 0,
        repeatedInARow: 0,
        accessFloor: 0,
        floorRaisedAt: null,
        dpopThumbprint: null,
        certificateThumbprint: null,
        clientNonceHash: null,
        credentialsHash: null,
        fingerprint: null,
        createdAt: now,
        lastUsedAt: now,
        expiresAt: now + 30 * DAY,
        revokedAt: null,
        revokedReason: null,
        ip: '2001:db8::1',
        userAgent: 'Browser',
        country: null,
        asn: null,
        location: null,
        rateStartedAt: 0,
        rateCount: 0,
        authTime: now,
        persistent: true,
        idleTtl: null,
        accessTokenTtl: null,
        amr: null,
        acr: null,
        actor: null,
        actorName: null,
        actorSessionId: null,
      });
      expectNoSecretOf(refreshToken, row);
    });

    it('after a refresh: to whom the token was given, when the window began, and the time and place', async () => {
      const { service, clock } = host();
      const first = await service.issue(ALICE, {}, { ip: '192.0.2.1', userAgent: 'Browser 1' });
      const before = await rowOf(host(), first.sessionId);
      clock.advance(DAY);
      const place = { ip: '192.0.2.2', userAgent: 'Browser 2' };
      const second = await service.refresh(first.refreshToken, place, {}, USE);
      const after = await rowOf(host(), first.sessionId);
      expect(after).toEqual({
        ...before,
        generation: 1,
        given: expect.stringMatching(/^[\w-]{16}$/),
        givenBefore: before.given,
        listsVersion: expect.any(Number),
        windowStartedAt: clock.now(),
        lastUsedAt: clock.now(),
        ...place,
      });
      expect(after.given).not.toBe(before.given);
      for (const { refreshToken } of [first, second]) expectNoSecretOf(refreshToken, after);

      // Within the window: it stays where it began.
      clock.advance(5_000);
      const third = await service.refresh(second.refreshToken);
      const last = await rowOf(host(), first.sessionId);
      expect(last).toEqual({
        ...after,
        generation: 2,
        given: expect.stringMatching(/^[\w-]{16}$/),
        givenBefore: after.given,
        listsVersion: expect.any(Number),
        lastUsedAt: clock.now(),
      });
      expectNoSecretOf(third.refreshToken, last);

      clock.advance(5_000);
      await service.refresh(third.refreshToken);
      expect(await rowOf(host(), first.sessionId)).toMatchObject({
        generation: 3,
        windowGeneration: 2,
        windowStartedAt: clock.now(),
      });
    });

    it('after a retry within the window: as it was', async () => {
      const { service, clock } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      await service.refresh(refreshToken, {}, {}, USE);
      const before = await rowOf(host(), sessionId);
      clock.advance(5_000);
      await service.refresh(refreshToken, { ip: '192.0.2.3' }, {}, USE);
      expect(await rowOf(host(), sessionId)).toEqual(before);
    });

    it('after a retry later: one more retry, and a new window', async () => {
      const { service, clock } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      await service.refresh(refreshToken, {}, {}, USE);
      const before = await rowOf(host(), sessionId);
      clock.advance(DAY);
      await service.refresh(refreshToken, { ip: '192.0.2.3' }, {}, USE);
      const after = await rowOf(host(), sessionId);
      expect(after).toEqual({
        ...before,
        given: expect.stringMatching(/^[\w-]{16}$/),
        listsVersion: expect.any(Number),
        windowStartedAt: clock.now(),
      });
      expect(after.given).not.toBe(before.given);
    });

    it('after a repeated refresh: one more use, and one more repeat', async () => {
      const { service, clock } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      await service.refresh(refreshToken, {}, {}, USE);
      const before = await rowOf(host(), sessionId);
      clock.advance(5_000);
      const repeated = await service.refresh(refreshToken, { ip: '192.0.2.3' }, {}, OTHER_USE);
      const after = await rowOf(host(), sessionId);
      expect(after).toEqual({
        ...before,
        given: expect.stringMatching(/^[\w-]{32}$/),
        listsVersion: expect.any(Number),
        // Without a claim it counts, because anybody can make up a key.
        repeatedGeneration: 1,
        repeatedInARow: 1,
      });
      expect(after.given).toContain(before.given);
      expectNoSecretOf(repeated.refreshToken, after);
    });

    it('after repeats without a key: they are entered and counted once', async () => {
      const { service, clock } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      await service.refresh(refreshToken, {}, {}, USE);
      const before = await rowOf(host(), sessionId);
      for (let times = 0; times < 3; times++) {
        clock.advance(1_000);
        await service.refresh(refreshToken, { ip: '192.0.2.3' });
        expect(await rowOf(host(), sessionId)).toEqual({
          ...before,
          given: expect.stringMatching(/^[\w-]{32}$/),
          listsVersion: expect.any(Number),
          repeatedGeneration: 1,
          repeatedInARow: 1,
        });
      }
    });

    it('after a late answer: one more use, a new window, and the time of the next one', async () => {
      const { service, clock } = host();
      const first = await service.issue(ALICE, {}, {}, {}, USE);
      const second = await service.refresh(first.refreshToken);
      const before = await rowOf(host(), first.sessionId);
      clock.advance(DAY);
      const receivedWith = { generation: 0, keys: [USE.idempotencyKey] };
      const late = await service.refresh(first.refreshToken, {}, {}, { ...OTHER_USE, receivedWith });
      expect(late.refreshToken).toBe(second.refreshToken);
      expect(await rowOf(host(), first.sessionId)).toEqual({
        ...before,
        given: expect.stringMatching(/^[\w-]{32}$/),
        listsVersion: expect.any(Number),
        windowStartedAt: clock.now(),
        lateAnswersAt: clock.now() + DAY,
      });
    });

    it('after the database has lost commits: the newer token, and nobody knows who has its predecessor', async () => {
      const { service, clock, dataSource } = host();
      const first = await service.issue(ALICE);
      const old = await rowOf(host(), first.sessionId);
      let { refreshToken } = first;
      for (let generation = 0; generation < 3; generation++) {
        clock.advance(DAY / 2);
        ({ refreshToken } = await service.refresh(refreshToken, {}, {}, USE));
      }
      await dataSource.getRepository(RefreshToken).update(first.sessionId, { ...old });
      clock.advance(DAY / 2);
      const adopted = await service.refresh(refreshToken, {}, {}, OTHER_USE);
      const after = await rowOf(host(), first.sessionId);
      expect(after).toEqual({
        ...old,
        generation: 4,
        given: expect.stringMatching(/^[\w-]{16}$/),
        givenBefore: null,
        listsVersion: expect.any(Number),
        windowGeneration: 0,
        windowStartedAt: clock.now(),
        lastUsedAt: clock.now(),
      });
      expectNoSecretOf(adopted.refreshToken, after);
    });

    it('after the end: when, and why, and all else as it was', async () => {
      const { service, clock } = host();
      const { sessionId } = await service.issue(ALICE);
      const before = await rowOf(host(), sessionId);
      clock.advance(5_000);
      await service.revoke(sessionId, 'ended_by_admin');
      const ended = await rowOf(host(), sessionId);
      expect(ended).toEqual({
        ...before,
        revokedAt: clock.now(),
        revokedReason: 'ended_by_admin',
        accessFloor: 2 ** 32, // above every generation
        floorRaisedAt: expect.any(Number),
      });
      // By the clock of the database, in UTC, whatever its time zone.
      expect(Math.abs(ended.floorRaisedAt! - Date.now())).toBeLessThan(10 * 60_000);

      clock.advance(5_000);
      await service.revoke(sessionId, 'logout');
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
      expect(await rowOf(host(), sessionId)).toEqual(ended);
    });

    it('keeps large numbers, and compares them', async () => {
      const { service, dataSource, clock, events } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      const latest = 8_640_000_000_000_000; // of JavaScript's dates
      const large = {
        accessFloor: 2 ** 32,
        listsVersion: 2 ** 52,
        createdAt: latest - 2,
        windowStartedAt: latest - 1,
        lateAnswersAt: latest - 1,
        expiresAt: latest,
      };
      await dataSource.getRepository(RefreshToken).update(sessionId, large);
      expect(await rowOf(host(), sessionId)).toMatchObject(large);

      await service.refresh(refreshToken);
      // A window in the far future is not open, so a new one has begun.
      expect(await rowOf(host(), sessionId)).toMatchObject({
        ...large,
        listsVersion: expect.any(Number),
        windowStartedAt: clock.now(),
        lastUsedAt: clock.now(),
      });
      const { id, ...listed } = (await service.list(ALICE.id)).find(({ id }) => id === sessionId)!;
      // A list never tells of a use before the session began.
      expect(listed).toMatchObject({ createdAt: latest - 2, expiresAt: latest, lastUsedAt: latest - 2 });

      const generation = 2 ** 32 - 2;
      await dataSource.getRepository(RefreshToken).update(id, { generation });
      await service.revoke(id, 'logout');
      expect(events.at(-1)).toMatchObject({ type: 'revoked', sessionId, generation });
    });
  });
});

function rowOf({ dataSource }: AuthContext, id: string): Promise<RefreshToken> {
  return dataSource.getRepository(RefreshToken).findOneByOrFail({ id });
}

/** Version, key id, session id and generation come before the root, then the voucher and the tag. */
const ROOT_AT = 1 + 3 + 16 + 4;
const VOUCHER_AT = ROOT_AT + 32;
const TAG_AT = VOUCHER_AT + 24;

/** Neither a part of the token is in the row, nor the key of a client. */
function expectNoSecretOf(token: string, row: RefreshToken): void {
  const bytes = Buffer.from(token.slice(REFRESH_TOKEN_PREFIX.length), 'base64url');
  const secrets = [bytes.subarray(ROOT_AT, VOUCHER_AT), bytes.subarray(VOUCHER_AT, TAG_AT), bytes.subarray(TAG_AT)];
  for (const { idempotencyKey } of [USE, OTHER_USE]) secrets.push(Buffer.from(idempotencyKey));
  const texts = Object.values(row).filter((value) => typeof value === 'string');
  for (const text of texts) {
    for (const secret of secrets) {
      expect(text).not.toContain(secret.toString('hex'));
      for (const encoding of ['base64url', 'latin1', 'hex'] as const) {
        expect(Buffer.from(text, encoding).includes(secret)).toBe(false);
      }
    }
    expect(token.includes(text) && text.length > 8).toBe(false);
  }
}
