import { createHmac } from 'node:crypto';
import type { Logger } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KeyRing } from '../../src/auth/common/crypto/key-ring.js';
import { type AuthApp, adapters, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { cookieHeader, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { CANARY, expectRefused } from '../support/refused.js';

const BAD_REQUEST = { status: 400, error: 'invalid_request' };
const MISSING = { status: 400, error: 'refresh_token_missing' };
const NO_GOOD = { status: 401, error: 'invalid_grant' };

const bytesOf = (token: string) => Buffer.from(token.slice('nrt_'.length), 'base64url');
const tokenOf = (bytes: Buffer) => `nrt_${bytes.toString('base64url')}`;

/** Other bytes, under a tag that is right: as only the holder of the secret could make them. */
function resealed(app: AuthApp, token: string, change: (bytes: Buffer) => void): string {
  const bytes = bytesOf(token);
  change(bytes);
  const { tag } = app.module.get(KeyRing, { strict: false }).current;
  createHmac('sha256', tag)
    .update(bytes.subarray(0, -16))
    .digest()
    .copy(bytes, bytes.length - 16, 0, 16);
  return tokenOf(bytes);
}

/** Values that are no string, or none that can be a token. */
const notATextOfBearableLength: [string, (token: string) => unknown][] = [
  ['empty', () => ''],
  ['null', () => null],
  ['a number', () => 5],
  ['zero', () => 0],
  ['true', () => true],
  ['false', () => false],
  ['an empty array', () => []],
  ['the token in an array', (token) => [token]],
  ['an empty object', () => ({})],
  ['a query operator', () => ({ $gt: CANARY })],
  ['an object that turns into the token', (token) => ({ toString: token, length: 100 })],
  ['a text of 4097 characters', () => CANARY.padEnd(4097, 'x')],
  ['the token with much after it', (token) => token.padEnd(50_000, 'A')],
];

/** Texts that this server has never issued. */
const neverIssued: [string, (token: string, app: AuthApp) => string][] = [
  ['nonsense', () => CANARY],
  ['the word null', () => 'null'],
  ['without its prefix', (token) => token.slice(4)],
  ['with another prefix', (token) => `ntr_${token.slice(4)}`],
  ['with its prefix in capitals', (token) => `NRT_${token.slice(4)}`],
  ['with the prefix alone', () => 'nrt_'],
  ['cut by a character', (token) => token.slice(0, -1)],
  ['cut by four characters', (token) => token.slice(0, -4)],
  ['longer by a character', (token) => `${token}A`],
  ['twice', (token) => token + token],
  ['padded', (token) => `${token}==`],
  ['with a character of base64', (token) => `${token.slice(0, -1)}+`],
  ['with a character of no base64', (token) => `${token.slice(0, -1)}*`],
  ['with a character beyond ASCII', (token) => `${token.slice(0, -1)}é`],
  ['in capitals', (token) => token.toUpperCase()],
  ['with another version', (token) => tokenOf(changed(token, 0))],
  ['with an older version, rightly sealed', (token, app) => resealed(app, token, (bytes) => (bytes[0] = 1))],
  ['with a newer version, rightly sealed', (token, app) => resealed(app, token, (bytes) => (bytes[0] = 3))],
  ['with another key id', (token) => tokenOf(changed(token, 1))],
  ['with another key id, rightly sealed', (token, app) => resealed(app, token, (bytes) => (bytes[3] ^= 1))],
  ['of no session, rightly sealed', (token, app) => resealed(app, token, (bytes) => (bytes[4] ^= 1))],
  ['from the future, rightly sealed', (token, app) => resealed(app, token, (bytes) => bytes.writeUInt32BE(7, 20))],
  ['from the far future, rightly sealed', (token, app) => resealed(app, token, (bytes) => bytes.fill(255, 20, 24))],
  ['with another root, rightly sealed', (token, app) => resealed(app, token, (bytes) => (bytes[24] ^= 1))],
  ['with another voucher, rightly sealed', (token, app) => resealed(app, token, (bytes) => (bytes[56] ^= 1))],
  ['all zeros', () => tokenOf(Buffer.alloc(96))],
  ['as long as one of the first edition', () => tokenOf(Buffer.alloc(72, 1))],
];

const ignore = () => undefined;
const SILENT: Logger = {
  logQuery: ignore,
  logQueryError: ignore,
  logQuerySlow: ignore,
  logSchemaBuild: ignore,
  logMigration: ignore,
  log: ignore,
};

function changed(token: string, at: number, mask = 1): Buffer {
  const bytes = bytesOf(token);
  bytes[at] ^= mask;
  return bytes;
}

for (const adapter of adapters) {
  describe(`an invalid refresh token (${adapter})`, () => {
    const app = listening(adapter);
    let token: string;
    beforeAll(async () => {
      token = (await signIn(app)).refreshToken;
    });
    const inBody = (value: unknown) => () =>
      send('POST', `${app.url}/auth/refresh`, { body: { refresh_token: value } });
    const inCookie = (value: string) => () => refresh(app.url, undefined, cookieHeader(value));

    test('missing', async () => {
      await expectRefused(app, () => send('POST', `${app.url}/auth/refresh`), MISSING);
      await expectRefused(app, () => send('POST', `${app.url}/auth/refresh`, { body: {} }), MISSING);
      const body = { refreshToken: token, refresh_Token: token, token };
      await expectRefused(app, () => send('POST', `${app.url}/auth/refresh`, { body }), MISSING, [token]);
    });

    test.each(notATextOfBearableLength)('%s', async (what, make) => {
      await expectRefused(app, inBody(make(token)), what === 'empty' ? MISSING : BAD_REQUEST, [token]);
    });

    test.each(neverIssued)('%s', async (_, make) => {
      const presented = make(token, app);
      await expectRefused(app, inBody(presented), NO_GOOD, [token, presented]);
      await expectRefused(app, inCookie(encodeURIComponent(presented)), NO_GOOD, [token, presented]);
    });

    test.each([
      ['with a space before it', (text: string) => ` ${text}`],
      ['with a line feed after it', (text: string) => `${text}\n`],
      ['with a NUL after it', (text: string) => `${text}\0`],
      ['with a line feed within', (text: string) => `${text.slice(0, 50)}\n${text.slice(50)}`],
    ])('%s', async (_, make) => {
      await expectRefused(app, inBody(make(token)), NO_GOOD, [token]);
    });

    test('too long for any cookie', async () => {
      await expectRefused(app, inCookie(CANARY.padEnd(8_000, 'x')), BAD_REQUEST);
    });

    test('in the body and in the cookie', async () => {
      const both = (body: string, cookie: string) => () => refresh(app.url, body, cookieHeader(cookie));
      await expectRefused(app, both(token, token), BAD_REQUEST, [token]);
      await expectRefused(app, both(token, CANARY), BAD_REQUEST, [token]);
      await expectRefused(app, both(CANARY, token), BAD_REQUEST, [token]);
    });

    test('an access token', async () => {
      const { accessToken } = await signIn(app);
      await expectRefused(app, inBody(accessToken), NO_GOOD, [accessToken]);
      await expectRefused(app, inCookie(accessToken), NO_GOOD, [accessToken]);
    });

    test('of another deployment', async () => {
      const other = await createAuthContext(await databaseNamed('sqljs').create(), {
        options: { secret: 'Q7-another-deployment-8sJ2kD5gF9hL3zX6' },
      });
      const { refreshToken } = await other.service.issue({ id: 'user-alice', roles: ['user'] });
      await other.close();
      await expectRefused(app, inBody(refreshToken), NO_GOOD, [refreshToken]);
    });

    afterAll(async () => {
      // Whatever has been tried, the real one is as good as before.
      const { status, body } = await refresh(app.url, token);
      expect({ status, next: body.refresh_token }).toEqual({ status: 200, next: expect.stringMatching(/^nrt_/) });
    });
  });

  describe(`a real token with something changed (${adapter})`, () => {
    // The library reads the table for revocations too, but no single row.
    const reads: string[] = [];
    const read = (query: string) => void (query.includes('WHERE "id" =') && reads.push(query));
    const logger = { ...SILENT, logQuery: read };
    const app = listening(adapter, { dataSource: { logging: true, logger } });

    test('in any character or any bit: refused, without a look at the row, and the real one still refreshes', async () => {
      const { refreshToken } = await signIn(app);
      const forgeries = new Set<string>();
      for (let at = 0; at < refreshToken.length; at++) {
        const other = refreshToken[at] === 'A' ? 'B' : 'A';
        forgeries.add(refreshToken.slice(0, at) + other + refreshToken.slice(at + 1));
      }
      for (let at = 0; at < bytesOf(refreshToken).length; at++) {
        forgeries.add(tokenOf(changed(refreshToken, at, 1 << (at % 8))));
        forgeries.add(tokenOf(changed(refreshToken, at, 0xff)));
      }
      expect(forgeries.has(refreshToken)).toBe(false);

      reads.length = 0;
      const answers = await Promise.all([...forgeries].map((forgery) => refresh(app.url, forgery)));
      expect(reads).toEqual([]);
      for (const { status, body } of answers) {
        expect({ status, error: body.error }).toEqual({ status: 401, error: 'invalid_grant' });
      }
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
      expect(reads).not.toEqual([]);
    });
  });
}
