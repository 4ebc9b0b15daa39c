import { APP_FILTER } from '@nestjs/core';
import { AuthExceptionFilter } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { CANARY, expectRefused } from '../support/refused.js';

const BAD_REQUEST = { status: 400, error: 'invalid_request' };
const MISSING = { status: 400, error: 'refresh_token_missing' };
const JSON_TYPE = 'application/json';

/** Each is bad for every route that reads a body. */
const bodies: [string, string, string?][] = [
  ['no JSON', CANARY],
  ['JSON that ends too soon', `{"refresh_token":"${CANARY}`],
  ['JSON with a comma too many', `{"username":"${CANARY}","password":"${CANARY}",}`],
  ['JSON in single quotes', `{'refresh_token':'${CANARY}'}`],
  ['two JSON values', `{}{"${CANARY}":1}`],
  ['only a comma', ','],
  ['nothing, though called JSON', ''],
  ['null', 'null'],
  ['a text', `"${CANARY}"`],
  ['a number', '5'],
  ['an array', `["${CANARY}"]`],
  ['an array with the right object', '[{"username":"alice","password":"alice-password"}]'],
  ['a megabyte', JSON.stringify({ refresh_token: CANARY.padEnd(1024 * 1024, 'x') })],
  ['a megabyte of another field', JSON.stringify({ [CANARY]: 'x'.repeat(1024 * 1024) })],
  ['arrays, 20,000 deep', `{"refresh_token":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  ['bytes that are no UTF-8', `{"refresh_token":\udc80"${CANARY}"}`],
  ['a byte order mark and nothing', '\ufeff'],
  ['plain text', `{"refresh_token":"${CANARY}"}`, 'text/plain'],
  ['XML', `<refresh_token>${CANARY}</refresh_token>`, 'application/xml'],
  ['an unknown type', `{"refresh_token":"${CANARY}"}`, `application/${CANARY}`],
  ['an invalid type', `{"refresh_token":"${CANARY}"}`, `${CANARY};;;`],
  ['a multipart form', `--x\r\n\r\n${CANARY}\r\n--x--`, 'multipart/form-data; boundary=x'],
  ['a form of nested objects', `refresh_token[$gt]=${CANARY}&username[a]=b`, 'application/x-www-form-urlencoded'],
  ['a form with the field twice', `refresh_token=${CANARY}&refresh_token=b`, 'application/x-www-form-urlencoded'],
  ['a form of percent signs', `%=%&%zz${CANARY}`, 'application/x-www-form-urlencoded'],
];

for (const adapter of adapters) {
  describe(`an invalid body (${adapter})`, () => {
    // As the documentation of AuthExceptionFilter says; without it, see below.
    const app = listening(adapter, {
      providers: [{ provide: APP_FILTER, useClass: AuthExceptionFilter }],
      quiet: true,
    });
    let token: string;
    /** These can be read, and have no refresh token. */
    const hasNoToken = ['nothing, though called JSON', 'a form of percent signs'];
    hasNoToken.push(adapter === 'fastify' ? 'a form of nested objects' : 'a byte order mark and nothing');
    beforeAll(async () => {
      token = (await signIn(app)).refreshToken;
    });

    test.each(bodies)('%s', async (what, text, type = JSON_TYPE) => {
      for (const path of ['login', 'refresh']) {
        const post = () => send('POST', `${app.url}/auth/${path}`, { headers: { 'content-type': type }, text });
        await expectRefused(app, post, path === 'refresh' && hasNoToken.includes(what) ? MISSING : BAD_REQUEST);
      }
    });

    test.each([JSON_TYPE, `${JSON_TYPE}; charset=utf-8`])(
      'none at all, where none is needed, though called %s',
      async (type) => {
        const signedIn = () => signIn(app, { transport: 'cookie' });
        const [refreshed, ended, other] = [await signedIn(), await signedIn(), await signedIn()];
        for (const [method, path, status, credentials] of [
          ['POST', 'refresh', 200, cookieHeader(refreshed.refreshToken)],
          ['DELETE', `sessions/${other.sessionId}`, 204, bearer(ended.accessToken)],
          ['POST', 'logout', 204, cookieHeader(ended.refreshToken)],
          ['POST', 'logout-all', 204, bearer((await signIn(app, { username: 'bob' })).accessToken)],
        ] as const) {
          const headers = { ...credentials, 'content-type': type };
          expect((await send(method, `${app.url}/auth/${path}`, { headers })).status, path).toBe(status);
        }
      },
    );

    test.each([
      ['a character set', { 'content-type': `${JSON_TYPE}; charset=${CANARY}` }],
      ['an encoding', { 'content-encoding': CANARY }],
      ['a compression that it does not have', { 'content-encoding': 'gzip' }],
    ])('with %s that nobody knows', async (_, more) => {
      const headers = { 'content-type': JSON_TYPE, ...more };
      const post = () => send('POST', `${app.url}/auth/refresh`, { headers, text: '{"x":1}' });
      // Fastify reads it nonetheless.
      await expectRefused(app, post, adapter === 'fastify' ? MISSING : BAD_REQUEST);
    });

    afterAll(async () => {
      expect((await refresh(app.url, token)).status).toBe(200);
    });
  });
}
