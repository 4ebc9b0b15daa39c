import fc from 'fast-check';
import { REFRESH_TOKEN_PREFIX, RefreshTokenCodec } from '../../src/auth/refresh-token/refresh-token.codec.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const alice = { id: 'user-alice', roles: ['user'] };
const OTHER_SECRET = 'another deployment altogether, another secret';

describe('the refresh token as a string', () => {
  let context: AuthContext;
  let queries = 0;
  let token: string;

  beforeAll(async () => {
    const logger = {
      logQuery: () => void queries++,
      logQueryError() {},
      logQuerySlow() {},
      logSchemaBuild() {},
      logMigration() {},
      log() {},
    };
    context = await createAuthContext(await databaseNamed('sqljs').create(), { dataSource: { logger } });
    token = (await context.service.issue(alice)).refreshToken;
  });
  afterAll(() => context.close());

  /** Refused as forged, without a query. */
  async function expectForged(forged: string): Promise<void> {
    const before = queries;
    await expect(context.service.refresh(forged)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(queries).toBe(before);
    expect(context.events.at(-1)).toMatchObject({ type: 'refresh_denied', reason: 'not_issued_here' });
  }

  it('has the prefix for secret scanners, 96 characters of base64url, and no spare bits', () => {
    expect(token).toMatch(/^nrt_[A-Za-z0-9_-]{96}$/);
    const bytes = token.slice(REFRESH_TOKEN_PREFIX.length);
    expect(Buffer.from(bytes, 'base64url').toString('base64url')).toBe(bytes);
  });

  it('is never the same twice', async () => {
    const issued = await Promise.all(Array.from({ length: 500 }, () => context.service.issue(alice)));
    expect(new Set(issued.map(({ refreshToken }) => refreshToken)).size).toBe(500);
  });

  it('says what it was issued with', () => {
    const { sessionId, generation } = context.service.assertIssued(token);
    expect(sessionId).toMatch(/^[0-9a-f-]{36}$/);
    expect(generation).toBe(0);
    const codec = context.module.get(RefreshTokenCodec, { strict: false });
    expect(codec.decode(token)).toMatchObject({ sessionId, generation, secret: expect.any(Buffer) });
    expect(codec.decode(token)!.secret).toHaveLength(32);
  });

  it('is forged if any of its bits differ', async () => {
    const bytes = Buffer.from(token.slice(REFRESH_TOKEN_PREFIX.length), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] ^= 1 << (bit & 7);
      await expectForged(REFRESH_TOKEN_PREFIX + altered.toString('base64url'));
    }
  });

  it('is forged if characters are put in, taken out, doubled, or changed', async () => {
    const anyChange = fc.record({
      at: fc.nat(token.length),
      remove: fc.nat(3),
      insert: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('=', '\n', ' ', '\0', '+', '/', '.')),
    });
    await fc.assert(
      fc.asyncProperty(anyChange, async ({ at, remove, insert }) => {
        const altered = token.slice(0, at) + insert + token.slice(at + remove);
        if (altered !== token) await expectForged(altered);
      }),
      { numRuns: 500 },
    );
  });

  it('is forged if it is any other string', async () => {
    const bytes = fc.uint8Array({ minLength: 72, maxLength: 72 });
    const anyString = fc.oneof(
      fc.string({ unit: 'binary' }),
      bytes.map((random) => REFRESH_TOKEN_PREFIX + Buffer.from(random).toString('base64url')),
    );
    await fc.assert(fc.asyncProperty(anyString, expectForged), { numRuns: 500 });
  });

  it('is forged if it comes from a deployment with another secret', async () => {
    const other = await createAuthContext(await databaseNamed('sqljs').create(), { options: { secret: OTHER_SECRET } });
    await expectForged((await other.service.issue(alice)).refreshToken);
    await other.close();
  });

  it('is forged if it names another key that is configured too', async () => {
    const both = { options: { secret: [SECRET, OTHER_SECRET] } };
    const two = await createAuthContext(await databaseNamed('sqljs').create(), both);
    const swapped = await createAuthContext(await databaseNamed('sqljs').create(), {
      options: { secret: [OTHER_SECRET, SECRET] },
    });
    const first = (await two.service.issue(alice)).refreshToken;
    const second = (await swapped.service.issue(alice)).refreshToken;
    // Version and key id are the first four bytes: six characters.
    const head = REFRESH_TOKEN_PREFIX.length;
    const mixed = first.slice(0, head) + second.slice(head, head + 5) + first.slice(head + 5);
    expect(mixed).not.toBe(first);
    await expect(two.service.refresh(mixed)).rejects.toMatchObject({ code: 'invalid_grant' });
    await expect(two.service.refresh(first)).resolves.toMatchObject({ sessionId: expect.any(String) });
    await two.close();
    await swapped.close();
  });
});
