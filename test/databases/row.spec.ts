import type { AuthUser } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { REFRESH_TOKEN_PREFIX } from '../../src/auth/refresh-token/refresh-token.codec.js';
import { describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const DAY = 86_400_000;
const options = { refreshToken: { ttl: '30d', idleTtl: '7d', grace: '10s' } };

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
        scope: 'read write',
        transport: 'body',
        generation: 0,
        tokenHash: expect.stringMatching(/^[\w-]{43}$/),
        keyId: expect.stringMatching(/^[\w-]{4}$/),
        nonce: null,
        accessFloor: 0,
        floorRaisedAt: null,
        dpopThumbprint: null,
        certificateThumbprint: null,
        clientNonceHash: null,
        fingerprint: null,
        createdAt: now,
        rotatedAt: now,
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
      });
      expectNoSecretOf(refreshToken, row);
    });

    it('after a refresh: a new hash, a nonce, and the time and place of the refresh', async () => {
      const { service, clock } = host();
      const first = await service.issue(ALICE, {}, { ip: '192.0.2.1', userAgent: 'Browser 1' });
      const before = await rowOf(host(), first.sessionId);
      clock.advance(DAY);
      const second = await service.refresh(first.refreshToken, { ip: '192.0.2.2', userAgent: 'Browser 2' });
      const after = await rowOf(host(), first.sessionId);
      expect(after).toEqual({
        ...before,
        generation: 1,
        tokenHash: expect.stringMatching(/^[\w-]{43}$/),
        nonce: expect.stringMatching(/^[\w-]{43}$/),
        rotatedAt: clock.now(),
        lastUsedAt: clock.now(),
        ip: '192.0.2.2',
        userAgent: 'Browser 2',
      });
      expect(after.tokenHash).not.toBe(before.tokenHash);
      for (const { refreshToken } of [first, second]) expectNoSecretOf(refreshToken, after);

      const third = await service.refresh(second.refreshToken);
      const last = await rowOf(host(), first.sessionId);
      expect(last.generation).toBe(2);
      expect(new Set([before, after, last].map(({ nonce }) => nonce)).size).toBe(3);
      expectNoSecretOf(third.refreshToken, last);
    });

    it('after a repeated refresh: as it was', async () => {
      const { service, clock } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      await service.refresh(refreshToken);
      const before = await rowOf(host(), sessionId);
      clock.advance(5_000);
      await service.refresh(refreshToken, { ip: '192.0.2.3' });
      expect(await rowOf(host(), sessionId)).toEqual(before);
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
      const { service, dataSource, events } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      const latest = 8_640_000_000_000_000; // of JavaScript's dates
      const large = { accessFloor: 2 ** 32, createdAt: latest - 2, rotatedAt: latest - 1, expiresAt: latest };
      await dataSource.getRepository(RefreshToken).update(sessionId, large);
      expect(await rowOf(host(), sessionId)).toMatchObject(large);

      await service.refresh(refreshToken);
      const { id, ...listed } = (await service.list(ALICE.id)).find(({ id }) => id === sessionId)!;
      // A list says of no session that it was used before it began.
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

/** Version, key id, session id and generation come before the secret, and the tag after it. */
const SECRET_AT = 1 + 3 + 16 + 4;
const SECRET_BYTES = 32;

function expectNoSecretOf(token: string, row: RefreshToken): void {
  const bytes = Buffer.from(token.slice(REFRESH_TOKEN_PREFIX.length), 'base64url');
  const secret = bytes.subarray(SECRET_AT, SECRET_AT + SECRET_BYTES);
  const texts = Object.values(row).filter((value) => typeof value === 'string');
  for (const text of texts) {
    expect(text).not.toContain(secret.toString('hex'));
    for (const encoding of ['base64url', 'latin1', 'hex'] as const) {
      expect(Buffer.from(text, encoding).includes(secret)).toBe(false);
    }
    expect(token.includes(text) && text.length > 8).toBe(false);
  }
}
