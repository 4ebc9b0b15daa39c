import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { expectRefusal } from '../support/refused.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' };
/** About 100 kB, as much as the body parser of Express takes. */
const FIELDS = 10_000;
const manyFields = () => Object.fromEntries(Array.from({ length: FIELDS }, (_, index) => [`k${index}`, 1]));

describe('a body of thousands of fields', () => {
  let reads = 0;
  const app = listening('express', {
    quiet: true,
    configure: (host) =>
      // The body parser comes later.
      void host.use((request: object, _: unknown, next: () => void) => {
        let body: unknown;
        const set = (given: unknown) => (body = given && counted(given));
        Object.defineProperty(request, 'body', { get: () => body, set });
        next();
      }),
  });

  function counted(body: object): object {
    return new Proxy(body, {
      get(target, name, receiver) {
        reads++;
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
  }

  // One request of 1 MB without any token stood the process still for eleven seconds.
  test.each(['login', 'logout', 'step-up', 'logout-all', 'refresh'])(
    'takes no more work at POST /auth/%s than its own fields',
    async (route) => {
      const { accessToken, refreshToken } = await signIn(app);
      reads = 0;
      const body = { ...manyFields(), ...ALICE, refresh_token: refreshToken };
      await send('POST', `${app.url}/auth/${route}`, { headers: bearer(accessToken), body });
      // Nothing of this body is for `logout-all`.
      if (route !== 'logout-all') expect(reads).toBeGreaterThan(0);
      expect(reads).toBeLessThan(200);
    },
  );
});

describe.each(adapters)('a body, on %s', (adapter) => {
  const app = listening(adapter, { quiet: true });

  test('with fields that no route knows is read as without them', async () => {
    expect((await send('POST', `${app.url}/auth/login`, { body: { ...manyFields(), ...ALICE } })).status).toBe(200);
  });

  test.each(['constructor', 'toString', 'hasOwnProperty'])('with the field %s is read as without it', async (name) => {
    const body = JSON.parse(
      `{"${name}": {"username": "bob"}, "username": "alice", "password": "alice-password"}`,
    ) as object;
    expect((await send('POST', `${app.url}/auth/login`, { body })).status).toBe(200);
    const nameless = JSON.parse(`{"${name}": {"username": "alice"}, "password": "alice-password"}`) as object;
    expectRefusal(await send('POST', `${app.url}/auth/login`, { body: nameless }), {
      status: 400,
      error: 'invalid_request',
    });
  });
});
