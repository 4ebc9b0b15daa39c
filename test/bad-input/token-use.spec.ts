import { APP_FILTER } from '@nestjs/core';
import { inspect } from 'node:util';
import { Body, Controller, Module, Post, Req, ValidationPipe } from '@nestjs/common';
import { type HttpRequest } from '../../src/auth/common/request/http-request.js';
import { AuthExceptionFilter, SignInService, StepUpService, tokenUseOf, type TokenUse } from 'nestjs-refresh-token';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Adapter, adapters } from '../support/auth-app.js';
import { type AuthBody, cookieHeader, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { CANARY, expectRefused } from '../support/refused.js';

const BAD_REQUEST = { status: 400, error: 'invalid_request' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'content-type': 'application/json' };
const KEY = 'uQ3nT0kq9o2dJc5w';
const LONG_KEY = 'A-_9'.repeat(16);
const KEYS = [KEY, LONG_KEY];
const CLAIM = { generation: 4, keys: KEYS };
const LARGEST = { generation: 2 ** 32 - 1, keys: Array.from({ length: 16 }, (_, index) => `${index}`.padEnd(64, 'k')) };

/** Each with what the routes make of it. */
const inJson: [string, object, TokenUse][] = [
  ['nothing', {}, {}],
  ['a key of 16 characters', { idempotency_key: KEY }, { idempotencyKey: KEY }],
  ['a key of 64 characters', { idempotency_key: LONG_KEY }, { idempotencyKey: LONG_KEY }],
  ['null, which counts as missing', { idempotency_key: null, received_with: null }, {}],
  ['a claim', { received_with: CLAIM }, { receivedWith: CLAIM }],
  ['both', { idempotency_key: KEY, received_with: CLAIM }, { idempotencyKey: KEY, receivedWith: CLAIM }],
  [
    'a claim of generation 0',
    { received_with: { generation: 0, keys: [KEY] } },
    { receivedWith: { generation: 0, keys: [KEY] } },
  ],
  ['the largest claim', { received_with: LARGEST }, { receivedWith: LARGEST }],
  ['a client', { client_id: 'default' }, { clientId: 'default' }],
  ['a client of null, which counts as missing', { client_id: null }, {}],
  ['names of a form, which are unknown fields', { 'received_with[generation]': 4, 'received_with[keys]': 1 }, {}],
];

const inForm: [string, string, TokenUse][] = [
  ['an empty key and an empty claim, which count as missing', 'idempotency_key=&received_with=', {}],
  ['a key', `idempotency_key=${KEY}`, { idempotencyKey: KEY }],
  ['a client', 'client_id=default', { clientId: 'default' }],
  ['a claim as JSON', `received_with=${encodeURIComponent(JSON.stringify(CLAIM))}`, { receivedWith: CLAIM }],
  [
    'a claim as JSON with spaces',
    `received_with=${encodeURIComponent(JSON.stringify(CLAIM, null, 2))}`,
    { receivedWith: CLAIM },
  ],
  ['the largest claim as JSON', `received_with=${JSON.stringify(LARGEST)}`, { receivedWith: LARGEST }],
  [
    'a claim in brackets',
    `received_with[generation]=4&received_with[keys][]=${KEYS.join('&received_with[keys][]=')}`,
    { receivedWith: CLAIM },
  ],
  [
    'brackets with an index',
    `received_with[generation]=4&received_with[keys][0]=${KEY}&received_with[keys][1]=${LONG_KEY}`,
    { receivedWith: CLAIM },
  ],
  [
    'brackets with a single key',
    `received_with[generation]=4294967295&received_with[keys]=${KEY}`,
    { receivedWith: { generation: 2 ** 32 - 1, keys: [KEY] } },
  ],
  [
    'brackets with a repeated name',
    `received_with[keys]=${KEYS.join('&received_with[keys]=')}&received_with[generation]=4`,
    { receivedWith: CLAIM },
  ],
  [
    'brackets in percent signs',
    `received_with%5Bgeneration%5D=4&received_with%5Bkeys%5D%5B%5D=${KEY}&idempotency_key=${KEY}`,
    { idempotencyKey: KEY, receivedWith: { generation: 4, keys: [KEY] } },
  ],
  [
    'the largest claim in brackets',
    `received_with[generation]=4294967295&${LARGEST.keys.map((key, index) => `received_with[keys][${index}]=${key}`).join('&')}`,
    { receivedWith: LARGEST },
  ],
];

const badKeys: [string, unknown][] = [
  ['of 15 characters', CANARY.padEnd(15, 'x')],
  ['of 65 characters', CANARY.padEnd(65, 'x')],
  ['of a megabyte, nearly', CANARY.padEnd(90_000, 'x')],
  ['that is empty', ''],
  ['with a space', `${CANARY} ${CANARY}`],
  ['with a line feed after it', `${CANARY.padEnd(20, 'x')}\n`],
  ['with NUL', `${CANARY.padEnd(20, 'x')}\0`],
  ['with a character of base64', `${CANARY.padEnd(20, 'x')}+`],
  ['with padding', `${CANARY.padEnd(20, 'x')}==`],
  ['beyond ASCII', `${CANARY.padEnd(20, 'x')}é`],
  ['that is a number', 1234567890123456],
  ['that is true', true],
  ['in an array', [KEY]],
  ['that is an object', { [CANARY]: KEY }],
  ['that turns into a key', { toString: KEY, length: 16 }],
];

const badClients: [string, unknown][] = [
  ['of 256 characters', CANARY.padEnd(256, 'x')],
  ['of a megabyte, nearly', CANARY.padEnd(90_000, 'x')],
  ['of 256 emoji', '🙂'.repeat(256)],
  ['with NUL', `web\0${CANARY}`],
  ['with a line feed after it', `${CANARY}\n`],
  ['with an escape sequence', `\x1b[31m${CANARY}`],
  ['with half a surrogate pair', `${CANARY}\ud83d`],
  ['that is a number', 5],
  ['that is zero', 0],
  ['that is false', false],
  ['in an array', ['default']],
  ['twice', ['default', CANARY]],
  ['that is an object', { [CANARY]: 'default' }],
  ['that turns into a client', { toString: 'default', length: 7 }],
];

const badClaims: [string, unknown][] = [
  ['that is text', CANARY],
  ['that is a claim as text', JSON.stringify(CLAIM)],
  ['that is empty text', ''],
  ['that is a number', 4],
  ['that is false', false],
  ['in an array', [CLAIM]],
  ['of nothing', {}],
  ['without a generation', { keys: [KEY] }],
  ['without keys', { generation: 4 }],
  ['with an empty list', { generation: 4, keys: [] }],
  ['with 17 keys', { generation: 4, keys: Array(17).fill(KEY) }],
  ['with 5,000 keys', { generation: 4, keys: Array(5_000).fill(KEY) }],
  ['with keys of null', { generation: 4, keys: null }],
  ['with a key alone', { generation: 4, keys: KEY }],
  ['with keys in an object', { generation: 4, keys: { 0: KEY, length: 1 } }],
  ['with a short key', { generation: 4, keys: [KEY, CANARY] }],
  ['with a key that is a number', { generation: 4, keys: [1234567890123456] }],
  ['with a key in an array', { generation: 4, keys: [[KEY]] }],
  ['with a generation as text', { generation: '4', keys: [KEY] }],
  ['with a negative generation', { generation: -1, keys: [KEY] }],
  ['with a broken generation', { generation: 4.5, keys: [KEY] }],
  ['with a generation too large', { generation: 2 ** 32, keys: [KEY] }],
  ['with a generation far too large', { generation: 1e300, keys: [KEY] }],
  ['with a generation of null', { generation: null, keys: [KEY] }],
  ['with a generation of true', { generation: true, keys: [KEY] }],
  ['with an unknown member', { ...CLAIM, [CANARY]: 1 }],
  [
    'with 5,000 unknown members',
    { ...CLAIM, ...Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`x${n}`, n])) },
  ],
];

/** As text: `JSON.stringify` would not write them. */
const badTexts: [string, string][] = [
  ['a claim in __proto__', `"received_with":{"__proto__":${JSON.stringify(CLAIM)}}`],
  ['a claim with __proto__', `"received_with":{"generation":4,"keys":["${KEY}"],"__proto__":{"x":1}}`],
  ['a claim in constructor.prototype', `"received_with":{"constructor":{"prototype":${JSON.stringify(CLAIM)}}}`],
  ['a claim, 3,000 deep', `"received_with":${'['.repeat(3_000)}${']'.repeat(3_000)}`],
  ['keys, 3,000 deep', `"received_with":{"generation":4,"keys":${'['.repeat(3_000)}${']'.repeat(3_000)}}`],
];

const badForms: [string, string][] = [
  ['a short key', `idempotency_key=${CANARY}`],
  ['a key twice', `idempotency_key=${KEY}&idempotency_key=${KEY}`],
  ['a key in brackets', `idempotency_key[a]=${KEY}`],
  ['a client twice', 'client_id=default&client_id=default'],
  ['a client in brackets', 'client_id[]=default'],
  ['a long client', `client_id=${CANARY.padEnd(256, 'x')}`],
  ['a claim that is no JSON', `received_with=${CANARY}`],
  ['a claim that ends too soon', `received_with={"generation":4,"keys":["${KEY}"]`],
  ['a claim of null', 'received_with=null'],
  ['a claim in JSON with a generation as text', `received_with={"generation":"4","keys":["${KEY}"]}`],
  ['a claim in JSON with __proto__', `received_with={"generation":4,"keys":["${KEY}"],"__proto__":1}`],
  ['a claim in JSON, 20,000 deep', `received_with=${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ['a claim in JSON after 5,000 spaces', `received_with=${'+'.repeat(5_000)}${JSON.stringify(CLAIM)}`],
  ['a claim twice', `received_with=${JSON.stringify(CLAIM)}&received_with=${JSON.stringify(CLAIM)}`],
  ['a claim as JSON and in brackets', `received_with=${JSON.stringify(CLAIM)}&received_with[generation]=4`],
  ['brackets without keys', 'received_with[generation]=4'],
  ['brackets without a generation', `received_with[keys][]=${KEY}`],
  ['brackets with an empty key', 'received_with[generation]=4&received_with[keys][]='],
  ['brackets with empty keys', 'received_with[generation]=4&received_with[keys]='],
  ['brackets with a short key', `received_with[generation]=4&received_with[keys][]=${CANARY}`],
  ['brackets with 17 keys', `received_with[generation]=4${`&received_with[keys][]=${KEY}`.repeat(17)}`],
  ['brackets with 900 keys', `received_with[generation]=4${`&received_with[keys][]=${KEY}`.repeat(900)}`],
  [
    'brackets with two generations',
    `received_with[generation]=4&received_with[generation]=4&received_with[keys]=${KEY}`,
  ],
  ['brackets with a generation of a word', `received_with[generation]=${CANARY}&received_with[keys]=${KEY}`],
  ['brackets with a hexadecimal generation', `received_with[generation]=0x4&received_with[keys]=${KEY}`],
  ['brackets with a generation of 1e3', `received_with[generation]=1e3&received_with[keys]=${KEY}`],
  ['brackets with a generation too large', `received_with[generation]=4294967296&received_with[keys]=${KEY}`],
  [
    'brackets with an unknown member',
    `received_with[generation]=4&received_with[keys]=${KEY}&received_with[${CANARY}]=1`,
  ],
  ['brackets in brackets', `received_with[generation]=4&received_with[keys][][]=${KEY}&received_with[keys][a]=${KEY}`],
];

const badHeaders: [string, string][] = [
  ['a short key', CANARY],
  ['a short key in quotes', `"${CANARY}"`],
  ['a long key', CANARY.padEnd(65, 'x')],
  ['nothing', ''],
  ['empty quotes', '""'],
  ['one quote', `"${KEY}`],
  ['quotes in quotes', `""${KEY}""`],
  ['a key with a parameter', `"${KEY}";a=1`],
  ['a key as bytes', `:${KEY}:`],
  ['two keys', `${KEY}, ${KEY}`],
  ['two keys in quotes', `"${KEY}", "${KEY}"`],
];

/** The routes that read a use, with what they need besides. */
const routes = ['login', 'refresh', 'step-up'] as const;
type Route = (typeof routes)[number];

@Controller('own')
class OwnController {
  @Post()
  use(@Req() request: HttpRequest, @Body() _body: object) {
    return tokenUseOf(request);
  }
}

@Module({ controllers: [OwnController] })
class OwnModule {}

function usesOn(adapter: Adapter) {
  // What a strict host does to the bodies of its own routes.
  const strict = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });
  const app = listening(adapter, {
    quiet: true,
    imports: [OwnModule],
    providers: [{ provide: APP_FILTER, useClass: AuthExceptionFilter }],
    configure: (host) => host.useGlobalPipes(strict),
  });
  let token: string;
  const needed = (route: Route): Record<string, string> =>
    ({
      login: { username: 'alice', password: 'alice-password', transport: 'body' },
      refresh: { refresh_token: token },
      'step-up': { refresh_token: token, password: 'alice-password' },
    })[route];
  const post = (route: Route, headers: Record<string, string>, text: string) =>
    send<AuthBody>('POST', `${app.url}/auth/${route}`, { headers, text });
  const postJson = (route: Route, fields: object, headers = {}) =>
    post(route, { ...JSON_TYPE, ...headers }, JSON.stringify({ ...needed(route), ...fields }));
  const postForm = (route: Route, fields: string) =>
    post(route, FORM, `${new URLSearchParams(needed(route)).toString()}&${fields}`);
  return {
    app,
    post,
    postJson,
    postForm,
    needed,
    begin: async () => {
      // The key of the sign-in is that of the claims about generation 0.
      token = (await signIn(app, { idempotency_key: KEY })).refreshToken;
    },
    get token() {
      return token;
    },
  };
}

for (const adapter of adapters) {
  describe(`what a client says about a use of its token (${adapter})`, () => {
    const { app, postJson, postForm, begin } = usesOn(adapter);
    afterEach(() => vi.restoreAllMocks());

    /** What the service of the route got as its last argument: what the client said, and whether it has hung up. */
    const understood = async (route: Route, request: () => Promise<{ status: number }>) => {
      await begin();
      const services = {
        login: vi.spyOn(app.module.get(SignInService, { strict: false }), 'signIn'),
        refresh: vi.spyOn(app.service, 'refresh'),
        'step-up': vi.spyOn(app.module.get(StepUpService, { strict: false }), 'stepUp'),
      };
      expect((await request()).status).toBe(200);
      const { hasHungUp, ...said } = services[route].mock.lastCall?.at(-1) as TokenUse;
      expect(hasHungUp!()).toBeTypeOf('boolean');
      return said;
    };

    describe.each(routes)('at %s', (route) => {
      test.each(inJson)('in JSON: %s', async (_, fields, use) => {
        expect(await understood(route, () => postJson(route, fields))).toEqual(use);
      });

      test.each(inForm)('in a form: %s', async (_, fields, use) => {
        expect(await understood(route, () => postForm(route, fields))).toEqual(use);
      });

      test.each([KEY, `"${KEY}"`, LONG_KEY, `"${LONG_KEY}"`])('in the header: %s', async (header) => {
        const headers = { 'idempotency-key': header };
        const use = { idempotencyKey: header.replaceAll('"', '') };
        expect(await understood(route, () => postJson(route, {}, headers))).toEqual(use);
        // A gateway may have written the header. So the claim does not count.
        expect(await understood(route, () => postJson(route, { received_with: CLAIM }, headers))).toEqual(use);
      });

      test('the key of the body wins over any header', async () => {
        const fields = { idempotency_key: LONG_KEY, received_with: CLAIM };
        for (const header of [KEY, CANARY, `${KEY}, ${KEY}`]) {
          const request = () => postJson(route, fields, { 'idempotency-key': header });
          expect(await understood(route, request)).toEqual({ idempotencyKey: LONG_KEY, receivedWith: CLAIM });
        }
      });
    });

    test('a route of the host reads the same', async () => {
      const own = (headers: Record<string, string>, text: string) => send('POST', `${app.url}/own`, { headers, text });
      const both = { idempotency_key: KEY, received_with: CLAIM };
      const use = { idempotencyKey: KEY, receivedWith: CLAIM };
      expect((await own(JSON_TYPE, JSON.stringify(both))).body).toEqual(use);
      const claim = `received_with[generation]=4&received_with[keys][]=${KEYS.join('&received_with[keys][]=')}`;
      expect((await own(FORM, `idempotency_key=${KEY}&${claim}`)).body).toEqual(use);
      expect((await own(JSON_TYPE, '["a list"]')).body).toEqual({});
      expect((await own(JSON_TYPE, `{"idempotency_key":"${CANARY}"}`)).status).toBe(400);
    });

    test('works with a cookie, too', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const answer = await refresh(app.url, undefined, { ...cookieHeader(refreshToken), 'idempotency-key': KEY });
      expect(answer.status).toBe(200);
    });
  });

  describe(`a malformed use of a token (${adapter})`, () => {
    const uses = usesOn(adapter);
    const { app, post, postJson, postForm, begin } = uses;
    beforeAll(begin);
    afterEach(() => vi.restoreAllMocks());
    afterAll(async () => {
      // Whatever has been tried, the token is as good as before.
      expect((await refresh(app.url, uses.token)).status).toBe(200);
    });

    /** No session begins, no password is checked, no token is replaced. The answer names the field. */
    const refused = async (named: string, request: (route: Route) => ReturnType<typeof post>) => {
      const checks = [vi.spyOn(app.users, 'validateCredentials'), vi.spyOn(app.users, 'reauthenticate')];
      for (const route of routes) {
        let description = '';
        const call = async () => {
          const answer = await request(route);
          description = answer.body.error_description;
          return answer;
        };
        await expectRefused(app, call, BAD_REQUEST, [uses.token, KEY, LONG_KEY]);
        expect(description).toBe(`Not valid: ${named}.`);
      }
      for (const check of checks) expect(check).not.toHaveBeenCalled();
    };

    test.each(badKeys)('a key %s', async (_, key) => {
      await refused('idempotency_key', (route) => postJson(route, { idempotency_key: key }));
    });

    test.each(badClients)('a client %s', async (_, client) => {
      await refused('client_id', (route) => postJson(route, { client_id: client }));
    });

    test.each(badClaims)('a claim %s', async (_, claim) => {
      await refused('received_with', (route) => postJson(route, { idempotency_key: KEY, received_with: claim }));
    });

    test.each(badTexts)('%s', async (_, text) => {
      // Fastify refuses `__proto__` itself.
      for (const route of routes) {
        const body = `${JSON.stringify(uses.needed(route)).slice(0, -1)},${text}}`;
        await expectRefused(app, () => post(route, JSON_TYPE, body), BAD_REQUEST, [uses.token, KEY]);
      }
      expect({}).not.toHaveProperty('generation');
    });

    test('in a form: brackets in brackets, 3,000 deep', async () => {
      // Express refuses the depth itself.
      const fields = `received_with[keys]${'[a]'.repeat(3_000)}=${KEY}`;
      for (const route of routes) await expectRefused(app, () => postForm(route, fields), BAD_REQUEST, [KEY]);
    });

    test.each(badForms)('in a form: %s', async (_, fields) => {
      const named = ['idempotency_key', 'client_id'].find((name) => fields.startsWith(name)) ?? 'received_with';
      await refused(named, (route) => postForm(route, fields));
    });

    test.each(badHeaders)('a header of %s', async (_, header) => {
      await refused('the header Idempotency-Key', (route) => postJson(route, {}, { 'idempotency-key': header }));
    });

    test('a claim next to a key in the header, which would not count', async () => {
      await refused('received_with', (route) =>
        postJson(route, { received_with: { generation: 4, keys: [] } }, { 'idempotency-key': KEY }),
      );
    });

    test('is in no property of the error', () => {
      const request = { method: 'POST', url: '/', protocol: 'https' };
      for (const [headers, body] of (<[Record<string, string>, object][]>[
        [{}, { idempotency_key: CANARY }],
        [{}, { received_with: { generation: 4, keys: [CANARY] } }],
        [FORM, { received_with: `{"${CANARY}` }],
        [{ 'idempotency-key': CANARY }, {}],
      ]) as [Record<string, string>, object][]) {
        let error: unknown;
        try {
          tokenUseOf({ ...request, headers, body });
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toMatchObject({ code: 'invalid_request' });
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(CANARY);
      }
    });

    test('at a route of the host', async () => {
      const own = () => send('POST', `${app.url}/own`, { body: { idempotency_key: CANARY } });
      await expectRefused(app, own, BAD_REQUEST);
    });
  });
}
