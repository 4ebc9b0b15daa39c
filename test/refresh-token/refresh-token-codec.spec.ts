import fc from 'fast-check';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { KeyRing } from '../../src/auth/common/crypto/key-ring.js';
import {
  type DecodedRefreshToken,
  REFRESH_TOKEN_PREFIX,
  RefreshTokenCodec,
} from '../../src/auth/refresh-token/refresh-token.codec.js';
import { isVouchedFor, random256, tokenAt } from '../../src/auth/refresh-token/voucher.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const alice = { id: 'user-alice', roles: ['user'] };
const OTHER_SECRET = 'another deployment altogether, another secret';
const TOKEN_BYTES = 96;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function bytesOf(token: string): Buffer {
  return Buffer.from(token.slice(REFRESH_TOKEN_PREFIX.length), 'base64url');
}

function textOf(bytes: Buffer): string {
  return REFRESH_TOKEN_PREFIX + bytes.toString('base64url');
}

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

  it('has the prefix for secret scanners, 128 characters of base64url, and no spare bits', () => {
    expect(token).toMatch(/^nrt_[A-Za-z0-9_-]{128}$/);
    expect(bytesOf(token)).toHaveLength(TOKEN_BYTES);
    // Each of the 64 last characters stands for other bytes.
    const lastBytes = [...BASE64URL].map((last) => bytesOf(token.slice(0, -1) + last).toString('hex'));
    expect(new Set(lastBytes).size).toBe(64);
    expect(textOf(bytesOf(token))).toBe(token);
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
    expect(codec.decode(token)).toMatchObject({ sessionId, generation });
    expect(codec.decode(token)!.root).toHaveLength(32);
    expect(codec.decode(token)!.voucher).toHaveLength(24);
  });

  it('is forged if any of its bits differ', async () => {
    for (let bit = 0; bit < TOKEN_BYTES * 8; bit++) {
      const altered = bytesOf(token);
      altered[bit >> 3] ^= 1 << (bit & 7);
      await expectForged(textOf(altered));
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
    const bytes = fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES });
    const anyString = fc.oneof(
      fc.string({ unit: 'binary' }),
      bytes.map((random) => textOf(Buffer.from(random))),
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

// Who has the keys of the deployment can make a tag. Without root and seed it makes no token that the session accepts.
describe('the parts of a token', () => {
  let context: AuthContext;
  let codec: RefreshTokenCodec;
  let keyRing: KeyRing;
  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create());
    codec = context.module.get(RefreshTokenCodec, { strict: false });
    keyRing = context.module.get(KeyRing, { strict: false });
  });
  afterAll(() => context.close());

  /** A token of a session in its third generation, and the row. */
  async function session(): Promise<{ token: string; parts: DecodedRefreshToken; row: RefreshToken }> {
    const { service, clock } = context;
    let { refreshToken } = await service.issue(alice);
    for (let generation = 0; generation < 3; generation++) {
      clock.advance(60_000);
      ({ refreshToken } = await service.refresh(refreshToken));
    }
    const parts = codec.decode(refreshToken)!;
    return { token: refreshToken, parts, row: await rowOf(parts.sessionId) };
  }

  function rowOf(id: string): Promise<RefreshToken> {
    return context.dataSource.getRepository(RefreshToken).findOneByOrFail({ id });
  }

  /** Refused with an alert. Nothing is written. */
  async function expectNotGenuine(parts: DecodedRefreshToken, row: RefreshToken, what = ''): Promise<void> {
    await expect(context.service.refresh(codec.encode(parts)), what).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(context.events.at(-1), what).toMatchObject({
      type: 'refresh_denied',
      reason: 'not_genuine',
      alert: true,
      sessionId: row.id,
    });
    expect(await rowOf(row.id), what).toEqual(row);
  }

  it('are those from which the server makes it again', async () => {
    const { token, parts, row } = await session();
    expect(codec.encode(tokenAt(3, parts, keyRing.current, row.seed))).toBe(token);
  });

  it('each changed part is refused, although its tag is right, and the session lives', async () => {
    const { token, parts, row } = await session();
    const other = await session();
    const forgeries: Record<string, DecodedRefreshToken> = {
      'other root': { ...parts, root: random256() },
      'root of another session': { ...parts, root: other.parts.root },
      'other voucher': { ...parts, voucher: random256().subarray(0, 24) },
      'voucher of another session': { ...parts, voucher: other.parts.voucher },
      'predecessor with the voucher of the live token': { ...parts, generation: 2 },
      'first token with the voucher of the live token': { ...parts, generation: 0 },
      'next token with the voucher of the live token': { ...parts, generation: 4 },
      'far newer token': { ...parts, generation: 2 ** 32 - 1 },
      'token of this session for another one': { ...other.parts, sessionId: row.id },
    };
    for (const [what, forged] of Object.entries(forgeries)) await expectNotGenuine(forged, row, what);
    await expect(context.service.refresh(token)).resolves.toMatchObject({ sessionId: row.id });
  });

  it('the same for an older token: a forgery is not reuse', async () => {
    const { token, parts, row } = await session();
    context.clock.advance(60_000);
    for (const generation of [0, 1, 2]) await expectNotGenuine({ ...parts, generation }, row);
    await expect(context.service.refresh(token)).resolves.toBeDefined();
  });

  it('keys and row together make no token without the root', async () => {
    const { parts, row } = await session();
    const hash = Buffer.from(row.tokenHash, 'base64url');
    const roots = { guessed: random256(), hash, seed: Buffer.from(row.seed, 'base64url'), zeros: Buffer.alloc(32) };
    for (const [what, root] of Object.entries(roots)) {
      for (const generation of [2, 3, 4]) {
        // The voucher is right for this root.
        await expectNotGenuine(tokenAt(generation, { ...parts, root }, keyRing.current, row.seed), row, what);
      }
    }
  });

  it('keys and an old token together make no newer token without the seed of the row', async () => {
    const { parts, row } = await session();
    const seeds = [random256(), parts.root, Buffer.alloc(32)].map((seed) => seed.toString('base64url'));
    for (const seed of [...seeds, '']) {
      for (const generation of [3, 4]) await expectNotGenuine(tokenAt(generation, parts, keyRing.current, seed), row);
    }
  });

  it('row and token together make no token without the keys', async () => {
    const { parts, row } = await session();
    const stranger = new KeyRing(OTHER_SECRET, undefined).current;
    const forged = tokenAt(4, parts, { ...stranger, id: parts.keys.id }, row.seed);
    await expect(context.service.refresh(codec.encode(forged))).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(context.events.at(-1)).toMatchObject({ reason: 'not_issued_here' });
  });

  it('the voucher depends on session, generation, root, seed and keys', async () => {
    const { parts, row } = await session();
    const { sessionId, root, generation, keys } = parts;
    const others = [
      tokenAt(generation, { sessionId: (await session()).row.id, root }, keys, row.seed),
      tokenAt(generation + 1, parts, keys, row.seed),
      tokenAt(generation, { sessionId, root: random256() }, keys, row.seed),
      tokenAt(generation, parts, keys, (await session()).row.seed),
      tokenAt(generation, parts, new KeyRing(OTHER_SECRET, undefined).current, row.seed),
      tokenAt(generation, parts, new KeyRing(SECRET, 'staff').current, row.seed),
    ];
    const vouchers = [parts, ...others].map(({ voucher }) => voucher.toString('hex'));
    expect(new Set(vouchers).size).toBe(vouchers.length);
    expect(isVouchedFor(parts, row.seed)).toBe(true);
    for (const { voucher } of others) expect(isVouchedFor({ ...parts, voucher }, row.seed)).toBe(false);
  });

  it('root and seed stay the same for the life of a session, and no two sessions share one', async () => {
    const sessions = await Promise.all(Array.from({ length: 50 }, session));
    for (const key of ['root', 'voucher'] as const) {
      expect(new Set(sessions.map(({ parts }) => parts[key].toString('hex'))).size).toBe(50);
    }
    expect(new Set(sessions.map(({ row }) => row.seed)).size).toBe(50);
    const [{ token, parts, row }] = sessions;
    const next = codec.decode((await context.service.refresh(token)).refreshToken)!;
    expect(next.root).toEqual(parts.root);
    expect(next.voucher).not.toEqual(parts.voucher);
    expect((await rowOf(row.id)).seed).toBe(row.seed);
  });
});
