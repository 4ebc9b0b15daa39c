import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { CANARY, expectRefused } from '../support/refused.js';

const BAD_REQUEST = { status: 400, error: 'invalid_request' };
const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' };
const LONG = CANARY.padEnd(1025, 'x');

const badBodies: [string, object][] = [
  ['no fields', {}],
  ['no password', { username: CANARY }],
  ['no username', { password: CANARY }],
  ['an empty username', { ...ALICE, username: '' }],
  ['an empty password', { ...ALICE, password: '' }],
  ['a username of null', { ...ALICE, username: null }],
  ['a username that is a number', { ...ALICE, username: 1 }],
  ['a username in an array', { ...ALICE, username: ['alice'] }],
  ['a query operator for a username', { ...ALICE, username: { $ne: CANARY } }],
  ['a password in an array', { ...ALICE, password: ['alice-password'] }],
  ['a query operator for a password', { ...ALICE, password: { $gt: '' } }],
  ['a password of true', { ...ALICE, password: true }],
  ['a username of 256 characters', { ...ALICE, username: LONG.slice(0, 256) }],
  ['a password of 1025 characters', { ...ALICE, password: LONG }],
  ['NUL in the username', { ...ALICE, username: `alice\0${CANARY}` }],
  ['a line feed in the username', { ...ALICE, username: `alice\n${CANARY}` }],
  ['an escape sequence in the username', { ...ALICE, username: `\x1b[31m${CANARY}` }],
  ['C1 control characters in the username', { ...ALICE, username: `alice\x9b${CANARY}` }],
  ['a client_id that is a number', { ...ALICE, client_id: 5 }],
  ['an empty client_id', { ...ALICE, client_id: '' }],
  ['NUL in the client_id', { ...ALICE, client_id: `web\0${CANARY}` }],
  ['a client_id of 256 characters', { ...ALICE, client_id: LONG.slice(0, 256) }],
  ['an object for a device_name', { ...ALICE, device_name: { [CANARY]: 1 } }],
  ['NUL in the device_name', { ...ALICE, device_name: `phone\0${CANARY}` }],
  ['a device_name of 256 characters', { ...ALICE, device_name: LONG.slice(0, 256) }],
  ['a device_name of 510 code points, half of them selectors', { ...ALICE, device_name: '\u2764\ufe0f'.repeat(255) }],
  ['a scope in an array', { ...ALICE, scope: ['read', CANARY] }],
  ['a scope with two spaces', { ...ALICE, scope: `read  ${CANARY}` }],
  ['a scope with a quote', { ...ALICE, scope: `read"${CANARY}` }],
  ['a scope with a backslash', { ...ALICE, scope: `read\\${CANARY}` }],
  ['a scope beyond ASCII', { ...ALICE, scope: `réad${CANARY}` }],
  ['a scope of 1025 characters', { ...ALICE, scope: LONG }],
  ['an unknown transport', { ...ALICE, transport: CANARY }],
  ['a transport in an array', { ...ALICE, transport: ['cookie'] }],
  ['a transport that objects have', { ...ALICE, transport: '__proto__' }],
];

/** As text: `JSON.stringify` would not write them. What they hold is in no field of the body itself. */
const pollution: [string, string][] = [
  ['__proto__', `{"__proto__":{"username":"alice","password":"alice-password"}}`],
  ['constructor.prototype', `{"constructor":{"prototype":{"username":"alice","password":"alice-password"}}}`],
  ['__proto__ next to a username', `{"username":"alice","__proto__":{"password":"alice-password"}}`],
];

/** Odd, but nothing is wrong with them. */
const oddNames: [string, string][] = [
  ['emoji', '📱'.repeat(255)],
  ['right-to-left marks', 'هاتف \u202eabc'],
  ['half a surrogate pair', 'phone \ud83d'],
  ['what looks like SQL', `'; DROP TABLE refresh_tokens; --`],
  ['what looks like a parameter', ':id $1 ? %s'],
  ['what looks like HTML', '<script>alert(1)</script>'],
  ['spaces alone', '   '],
];

for (const adapter of adapters) {
  describe(`an invalid login (${adapter})`, () => {
    // Where the column has a length, and a text no NUL.
    const app = listening(adapter, { database: 'postgres', quiet: true });
    const post = (body: unknown) => () => send('POST', `${app.url}/auth/login`, { body });
    let token: string;
    beforeAll(async () => {
      token = (await signIn(app)).refreshToken;
    });

    test.each(badBodies)('%s', async (_, body) => {
      await expectRefused(app, post(body), BAD_REQUEST);
    });

    test.each(pollution)('%s pollutes nothing, and fills no field', async (_, text) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await send('POST', `${app.url}/auth/login`, { headers, text });
      expect(answer.status).toBe(400);
      expect({}).not.toHaveProperty('username');
      expect({}).not.toHaveProperty('password');
    });

    test.each([
      ['an unknown user', { ...ALICE, username: CANARY }],
      ['a wrong password', { ...ALICE, password: CANARY }],
      ['a password with NUL', { ...ALICE, password: `alice-password\0${CANARY}` }],
      ['a username in capitals', { ...ALICE, username: 'ALICE' }],
      ['a username with a space', { ...ALICE, username: 'alice ' }],
      ['a name that objects have', { ...ALICE, username: 'constructor', password: 'constructor-password' }],
      ['what looks like SQL', { ...ALICE, username: `alice' OR '1'='1` }],
      ['half a surrogate pair', { ...ALICE, username: '\ud83d' }],
    ])('%s', async (_, body) => {
      await expectRefused(app, post(body), { status: 401, error: 'invalid_credentials' });
    });

    test.each(oddNames)('but a device name of %s is one', async (_, name) => {
      const answer = await login(app.url, { ...ALICE, transport: 'body', device_name: name });
      expect(answer.status).toBe(200);
      const { access_token, session_id } = answer.body;
      const list = await send<{ id: string; device_name: string }[]>('GET', `${app.url}/auth/sessions`, {
        headers: bearer(access_token),
      });
      const stored = list.body.find(({ id }) => id === session_id)?.device_name;
      expect(stored).toBe(Buffer.from(name).toString());
    });

    test.each(['client_id', 'device_name', 'scope', 'transport', 'bind'])(
      'but %s may be null, which counts as missing',
      async (name) => {
        expect((await send('POST', `${app.url}/auth/login`, { body: { ...ALICE, [name]: null } })).status).toBe(200);
      },
    );

    afterAll(async () => {
      expect((await refresh(app.url, token)).status).toBe(200);
    });
  });
}
