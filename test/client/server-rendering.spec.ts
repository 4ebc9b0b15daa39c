import { createServerAuthClient } from 'nestjs-refresh-token/client';
import { beforeEach, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { controllers, type Fetch, isRefresh } from '../support/clients.js';
import { refresh, refreshCookie } from '../support/http.js';
import { DAY, listening, MINUTE } from '../support/listening.js';
import { FIREFOX, Jar, renderingServer, showUser, signedInJar } from '../support/rendering-server.js';

const REFRESH = '__Host-refresh_token';
const LEDGER = '__Host-refresh_token_ledger';

/** The network loses the answers of these attempts at a refresh, after the auth server has given them. */
function losing(...attempts: number[]): Fetch {
  let count = 0;
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!isRefresh(input) || !attempts.includes(++count)) return response;
    throw new TypeError('fetch failed');
  };
}

/** The network loses every answer of a refresh. */
const losingAll: Fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (isRefresh(input)) throw new TypeError('fetch failed');
  return response;
};

for (const adapter of adapters) {
  describe(`a plain Node.js server that renders (${adapter})`, () => {
    const app = listening(adapter, { controllers });
    const server = renderingServer(() => app);
    beforeEach(() => {
      server.reset();
      app.events.length = 0;
    });
    const alerts = () => app.events.filter((event) => event.alert).map(({ type }) => type);

    test('shows the user, and hands the cookies of the auth server back unchanged', async () => {
      const jar = await signedInJar(app.url);
      const page = await server.load(jar);
      expect(page.text).toBe('user-alice');
      expect(server.asked).toEqual(['POST /auth/refresh', 'GET /auth/me']);
      expect(server.given).toHaveLength(1);
      expect(page.setCookies).toEqual([
        server.given[0],
        expect.stringMatching(`^${LEDGER}=.+; Max-Age=\\d+; Path=/; HttpOnly; Secure; SameSite=Strict$`),
      ]);
      expect(server.given[0]).toMatch(
        /^__Host-refresh_token=.+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      );
    });

    test('asks nobody for a visitor without cookies', async () => {
      expect(await server.load(new Jar())).toEqual({ text: 'nobody', setCookies: [] });
      expect(server.asked).toEqual([]);
    });

    test('refreshes once in twenty page loads, and once more when the access token has expired', async () => {
      const jar = await signedInJar(app.url);
      for (let load = 0; load < 20; load++) expect((await server.load(jar)).text).toBe('user-alice');
      expect(server.refreshes).toBe(1);
      app.clock.advance(16 * MINUTE);
      expect((await server.load(jar)).text).toBe('user-alice');
      expect(server.refreshes).toBe(2);
      expect((await server.load(jar)).setCookies).toEqual([]);
      expect(server.refreshes).toBe(2);
    });

    test('keeps the session through twenty page loads in ten hours that all refresh', async () => {
      server.options = { keepAccessToken: false };
      const jar = await signedInJar(app.url);
      for (let load = 1; load <= 20; load++) {
        expect((await server.load(jar)).text).toBe('user-alice');
        expect(server.refreshes).toBe(load);
        app.clock.advance(30 * MINUTE);
      }
      expect(alerts()).toEqual([]);
    });

    test('refreshes once for one page, however often the page asks', async () => {
      server.render = async (client) => {
        const orders = await Promise.all(Array.from({ length: 10 }, () => client.fetch('/orders')));
        await client.refresh();
        expect(await client.getAccessToken()).toBe(await client.getAccessToken());
        return [await showUser(client, undefined as never), ...orders.map(({ status }) => status)].join(' ');
      };
      expect((await server.load(await signedInJar(app.url))).text).toBe(`user-alice${' 200'.repeat(10)}`);
      expect(server.refreshes).toBe(1);
    });

    test('answers two page loads and a tab that refresh at the same moment with the same cookie', async () => {
      const jar = await signedInJar(app.url);
      await server.load(jar);
      app.clock.advance(16 * MINUTE);
      const [one, other] = [jar.copy(), jar.copy()];
      const headers = { cookie: `${REFRESH}=${jar.cookies.get(REFRESH)}`, 'user-agent': FIREFOX };
      const [first, second, tab] = await Promise.all([
        server.load(one),
        server.load(other),
        refresh(app.url, undefined, headers),
      ]);
      expect([first.text, second.text, tab.status]).toEqual(['user-alice', 'user-alice', 200]);
      expect(one.cookies.get(REFRESH)).toBe(refreshCookie(tab));
      expect(other.cookies.get(REFRESH)).toBe(refreshCookie(tab));
      app.clock.advance(16 * MINUTE);
      expect((await server.load(other)).text).toBe('user-alice');
      expect(alerts()).toEqual([]);
    });

    test('repeats the same use while the answers are lost: one rotation, and no alert', async () => {
      server.network = losing(1, 2);
      const jar = await signedInJar(app.url);
      expect((await server.load(jar)).text).toBe('user-alice');
      expect(server.refreshes).toBe(3);
      const refreshed = app.events.filter(({ type }) => type === 'refreshed' || type === 'refresh_repeated');
      expect(refreshed[0]).toMatchObject({ type: 'refreshed', generation: 1 });
      expect(alerts()).toEqual([]);
    });

    test('loses no session when it got no answer: a day later the next page has it', async () => {
      server.options = { timeout: 300 };
      server.network = losingAll;
      const jar = await signedInJar(app.url);
      const page = await server.load(jar);
      expect(page.text).toBe('temporarily_unavailable');
      // The refresh token stays, and the key of its use is written down.
      expect(page.setCookies.map((header) => header.split('=')[0])).toEqual([LEDGER]);
      app.clock.advance(DAY);
      server.network = fetch;
      expect((await server.load(jar)).text).toBe('user-alice');
      app.clock.advance(DAY);
      expect((await server.load(jar)).text).toBe('user-alice');
    });

    test('loses no session when its response did not reach the browser: a day later the next page has it', async () => {
      const jar = await signedInJar(app.url);
      await server.load(jar);
      app.clock.advance(DAY);
      expect((await server.load(jar, { keep: false })).text).toBe('user-alice');
      app.clock.advance(DAY);
      expect((await server.load(jar)).text).toBe('user-alice');
      app.clock.advance(DAY);
      expect((await server.load(jar)).text).toBe('user-alice');
    });

    test('sees at the next page that the session was ended, and removes the cookies', async () => {
      const jar = await signedInJar(app.url);
      await server.load(jar);
      await app.service.revokeAllOfUser('user-alice', 'admin');
      const page = await server.load(jar);
      expect(page.text).toBe('nobody');
      expect(jar.cookies.size).toBe(0);
      expect(page.setCookies).toContain(server.given.at(-1));
    });

    test('sees at the next page that permissions have changed', async () => {
      const jar = await signedInJar(app.url);
      server.render = async (client) => (await client.user())!.roles.join();
      expect((await server.load(jar)).text).toBe('user');
      app.users.users.set('alice', { id: 'user-alice', roles: ['user', 'admin'] });
      await app.service.permissionsChanged('user-alice');
      expect((await server.load(jar)).text).toBe('user,admin');
      app.users.users.set('alice', { id: 'user-alice', roles: ['user'] });
      expect(server.refreshes).toBe(2);
    });

    test('does not show the previous user after another one has signed in', async () => {
      const jar = await signedInJar(app.url);
      await server.load(jar);
      const other = await signedInJar(app.url, 'bob');
      jar.cookies.set(REFRESH, other.cookies.get(REFRESH)!);
      expect((await server.load(jar)).text).toBe('user-bob');
    });

    test('does not mix users who ask at the same time', async () => {
      const jars = await Promise.all(['alice', 'bob', 'admin'].map((name) => signedInJar(app.url, name)));
      const visits = Array.from({ length: 15 }, (_, visit) => jars[visit % 3]);
      const pages = await Promise.all(visits.map((jar: Jar) => server.load(jar)));
      expect(pages.map(({ text }) => text)).toEqual(
        visits.map((_, visit) => ['user-alice', 'user-bob', 'user-admin'][visit % 3]),
      );
    });

    test('keeps a session that is bound to a nonce, and its second cookie', async () => {
      const jar = await signedInJar(app.url, 'alice', { bind: 'nonce' });
      expect([...jar.cookies.keys()]).toContain('__Host-client_nonce');
      const page = await server.load(jar);
      expect(page.text).toBe('user-alice');
      expect(page.setCookies.map((header) => header.split('=')[0])).toContain('__Host-client_nonce');
      app.clock.advance(DAY);
      expect((await server.load(jar)).text).toBe('user-alice');
    });

    test('sends the body of a request again after a refresh', async () => {
      const jar = await signedInJar(app.url);
      await server.load(jar);
      app.clock.advance(16 * MINUTE);
      server.render = async (client) => {
        const init = { method: 'POST', body: '{"a":"1"}', headers: { 'content-type': 'application/json' } };
        return (await client.fetch(new Request(`${app.url}/orders`, init))).text();
      };
      expect((await server.load(jar)).text).toBe('{"a":"1"}');
      expect(server.asked.slice(-3)).toEqual(['POST /orders', 'POST /auth/refresh', 'POST /orders']);
    });

    test('sends a token only to the allowed origins, and only if the request has none of its own', async () => {
      const jar = await signedInJar(app.url);
      const sent: [string, string | null][] = [];
      server.network = async (input, init) => {
        const url = input instanceof Request ? input.url : String(input);
        if (url.startsWith(app.url) && !url.endsWith('/orders')) return fetch(input, init);
        sent.push([url, new Headers(init?.headers).get('authorization')]);
        return new Response('{}');
      };
      server.options = { allowedOrigins: ['https://files.example'] };
      server.render = async (client) => {
        await client.fetch('https://other.example/');
        await client.fetch('https://files.example/');
        await client.fetch('/orders', { headers: { authorization: 'Basic own' } });
        return '';
      };
      await server.load(jar);
      const token = expect.stringMatching(/^Bearer ey/) as string;
      expect(sent).toEqual([
        ['https://other.example/', null],
        ['https://files.example/', token],
        [`${app.url}/orders`, 'Basic own'],
      ]);
    });
  });
}

describe('a refresh that is refused or fails', () => {
  const app = listening('express', { controllers });
  const server = renderingServer(() => app);
  beforeEach(() => server.reset());

  const json = (status: number, error: string, headers?: Record<string, string>) =>
    Response.json({ error }, { status, headers });

  test.each([
    ['a proxy says 502', () => new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    ['a captive portal answers', () => new Response('<h1>Welcome</h1>')],
    ['a proxy redirects', () => new Response(null, { status: 302, headers: { location: 'https://login.example' } })],
    ['the answer is empty', () => new Response('{}')],
    ['a gateway says 401', () => json(401, 'unauthorized')],
    ['a guard says 403', () => json(403, 'forbidden')],
    ['there are too many requests', () => json(429, 'too_many_requests', { 'retry-after': '30' })],
    ['a gateway says 500 with a code', () => json(500, 'invalid_grant')],
    ['a gateway says 400 with a code', () => json(400, 'invalid_grant')],
    ['a proxy drops the cookie', () => Response.json({ access_token: 'a', token_type: 'Bearer', expires_in: 900 })],
    ['nobody answers', () => Promise.reject(new TypeError('fetch failed'))],
  ])('ends no session if %s, and is not tried again for this page', async (_, answer) => {
    const jar = await signedInJar(app.url);
    const before = jar.cookies.get(REFRESH);
    server.options = { timeout: 50 };
    server.network = async (input, init) => (isRefresh(input) ? answer() : fetch(input, init));
    server.render = async (client) => {
      const codeOf = (error: { code: string }) => error.code;
      const first = await client.user().catch(codeOf);
      const sent = server.refreshes;
      const others = await Promise.all([
        client.getAccessToken().catch(codeOf),
        client.fetch('/orders').catch(codeOf),
        client.user().catch(codeOf),
        client.refresh().catch(codeOf),
      ]);
      expect(server.refreshes).toBe(sent);
      expect(others).toEqual(Array(4).fill(first));
      return String(first);
    };
    const page = await server.load(jar);
    expect(page.text).toMatch(/^(temporarily_unavailable|unauthorized|forbidden)$/);
    expect(jar.cookies.get(REFRESH)).toBe(before);
    server.reset();
    expect((await server.load(jar)).text).toBe('user-alice');
  });

  test.each([
    [401, 'invalid_grant'],
    [400, 'refresh_token_missing'],
  ])('means that nobody is signed in if the server says %d %s', async (status, code) => {
    const jar = await signedInJar(app.url);
    server.network = async (input, init) => (isRefresh(input) ? json(status, code) : fetch(input, init));
    expect((await server.load(jar)).text).toBe('nobody');
    expect(server.refreshes).toBe(1);
  });

  test('an answer `superseded` ends nothing: the next page begins a new use', async () => {
    const jar = await signedInJar(app.url);
    const keys: string[] = [];
    let superseded = true;
    server.network = async (input, init) => {
      if (!isRefresh(input)) return fetch(input, init);
      keys.push((JSON.parse(init!.body as string) as { idempotency_key: string }).idempotency_key);
      return superseded ? json(409, 'superseded') : fetch(input, init);
    };
    expect((await server.load(jar)).text).toBe('temporarily_unavailable');
    superseded = false;
    expect((await server.load(jar)).text).toBe('user-alice');
    expect(new Set(keys).size).toBe(2);
  });

  test('asks for the password where the server does, and the session goes on', async () => {
    const jar = await signedInJar(app.url);
    server.network = async (input, init) => (isRefresh(input) ? json(401, 'step_up_required') : fetch(input, init));
    expect((await server.load(jar)).text).toBe('step_up_required');
    server.network = fetch;
    expect((await server.load(jar)).text).toBe('user-alice');
  });
});

describe('where cookies cannot be set', () => {
  const app = listening('express', { controllers });
  const server = renderingServer(() => app);
  beforeEach(() => server.reset());

  /** What `cookies()` is in a server component of Next.js. */
  const componentCookies = (jar: Jar) => ({
    get: (name: string) => (jar.cookies.has(name) ? { name, value: jar.cookies.get(name)! } : undefined),
    set: (): never => {
      throw new Error('Cookies can only be modified in a Server Action or Route Handler.');
    },
  });
  const inComponent = (jar: Jar, more = {}) => {
    const asked: string[] = [];
    const watched: Fetch = (input, init) => {
      asked.push(new URL(input as string).pathname);
      return fetch(input, init);
    };
    const cookies = componentCookies(jar);
    return { asked, client: createServerAuthClient({ baseUrl: app.url, cookies, fetch: watched, ...more }) };
  };

  test('a client never refreshes, whether it was told so or not', async () => {
    const jar = await signedInJar(app.url);
    for (const more of [{}, { readOnly: true }]) {
      const { asked, client } = inComponent(jar, more);
      await expect(client.user()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
      expect(asked).toEqual([]);
    }
    expect((await server.load(jar)).text).toBe('user-alice');
  });

  test('a client uses the access token of the one that refreshed before', async () => {
    const jar = await signedInJar(app.url);
    await server.load(jar);
    const { asked, client } = inComponent(jar, { readOnly: true });
    expect(await client.user()).toEqual({
      id: 'user-alice',
      roles: ['user'],
      permissions: [],
      sessionId: expect.any(String) as string,
    });
    expect(asked).toEqual(['/auth/me']);
  });

  test('a client uses the access token that it is given', async () => {
    const jar = await signedInJar(app.url);
    server.render = async (client) => (await client.getAccessToken())!;
    server.options = { keepAccessToken: false };
    const accessToken = (await server.load(jar)).text;
    const { asked, client } = inComponent(jar, { accessToken, readOnly: true });
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(asked).toEqual(['/orders']);
  });

  test('a request with the access token of another session is not repeated with that of the cookie', async () => {
    const [alice, bob] = await Promise.all([signedInJar(app.url), signedInJar(app.url, 'bob')]);
    server.render = async (client) => (await client.getAccessToken())!;
    const accessToken = (await server.load(bob)).text;
    app.clock.advance(DAY);
    const { cookies } = alice;
    const watched: string[] = [];
    const client = createServerAuthClient({
      baseUrl: app.url,
      cookies: {
        get: (name: string) => cookies.get(name),
        set: (name: string, value: string) => void cookies.set(name, value),
      },
      headers: { 'user-agent': FIREFOX },
      accessToken,
      fetch: (input, init) => {
        watched.push(new URL(input as string).pathname);
        return fetch(input, init);
      },
    });
    expect((await client.fetch('/orders')).status).toBe(401);
    expect(watched).toEqual(['/orders', '/auth/refresh']);
    expect((await server.load(alice)).text).toBeTruthy();
  });

  test('an access token of another session does not count', async () => {
    const [alice, bob] = await Promise.all([signedInJar(app.url), signedInJar(app.url, 'bob')]);
    await Promise.all([server.load(alice), server.load(bob)]);
    alice.cookies.set(LEDGER, bob.cookies.get(LEDGER)!);
    await expect(inComponent(alice).client.user()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    expect((await server.load(alice)).text).toBe('user-alice');
  });

  test('a response that begins during the refresh is an error, and loses no session', async () => {
    const jar = await signedInJar(app.url);
    let begun = false;
    const cookies = {
      get: (name: string) => jar.cookies.get(name),
      set(name: string, value: string) {
        if (begun) throw new Error('The headers have been sent.');
        jar.cookies.set(name, value);
      },
    };
    const late: Fetch = async (input, init) => {
      const response = await fetch(input, init);
      begun = isRefresh(input);
      return response;
    };
    const headers = { 'user-agent': FIREFOX };
    const client = createServerAuthClient({ baseUrl: app.url, cookies, headers, fetch: late });
    await expect(client.user()).rejects.toMatchObject({ code: 'cookie_not_kept' });
    app.clock.advance(DAY);
    expect((await server.load(jar)).text).toBe('user-alice');
  });
});

describe('what the auth server learns of the browser', () => {
  const app = listening('express', { controllers, trustProxy: 'loopback' });
  const server = renderingServer(() => app);
  beforeEach(() => server.reset());

  test('is its user agent and its address, so that the session stays one of this browser', async () => {
    const jar = await signedInJar(app.url);
    server.options = { clientAddress: '203.0.113.7' };
    server.render = async (client) => {
      const [session] = (await (await client.fetch('/auth/sessions')).json()) as { user_agent: string; ip: string }[];
      return `${session.user_agent} ${session.ip}`;
    };
    expect((await server.load(jar)).text).toMatch(/Firefox\/140\.0 203\.0\.113\.7$/);
  });

  test('is only what it needs', async () => {
    const jar = await signedInJar(app.url);
    jar.cookies.set('basket', '17');
    let sent = new Headers();
    server.network = async (input, init) => {
      if (isRefresh(input)) sent = new Headers(init!.headers);
      return fetch(input, init);
    };
    server.options = { forward: ['X-Device-Id'] };
    const headers = {
      'x-device-id': 'd1',
      'sec-ch-ua-platform': '"Linux"',
      'x-secret': 's',
      'x-forwarded-for': '6.6.6.6',
    };
    expect((await server.load(jar, { headers })).text).toBe('user-alice');
    expect([...sent.keys()]).toEqual(['content-type', 'cookie', 'sec-ch-ua-platform', 'user-agent', 'x-device-id']);
    expect(sent.get('cookie')).toMatch(/^__Host-refresh_token=[^;]+$/);
  });

  test('keeps a page load and a tab of one browser from looking like two devices', async () => {
    const jar = await signedInJar(app.url);
    const cookie = `${REFRESH}=${jar.cookies.get(REFRESH)}`;
    await server.load(jar);
    expect((await refresh(app.url, undefined, { cookie, 'user-agent': FIREFOX })).status).toBe(200);
    expect((await server.load(jar)).text).toBe('user-alice');
  });

  test('without the headers of the request, that is reuse: the page comes from another device', async () => {
    const jar = await signedInJar(app.url);
    const cookie = `${REFRESH}=${jar.cookies.get(REFRESH)}`;
    server.options = { headers: {} };
    await server.load(jar);
    expect((await refresh(app.url, undefined, { cookie, 'user-agent': FIREFOX })).status).toBe(401);
  });
});

describe('a request that a page of another origin caused', () => {
  const app = listening('express', { controllers });
  const server = renderingServer(() => app);
  beforeEach(() => server.reset());

  test.each([
    [
      'a form of another host of the site',
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', origin: 'https://x.example' },
    ],
    [
      'a script of another host of the site',
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors', origin: 'https://x.example' },
    ],
    ['an image of another host of the site', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
    ['a form of another site, in a browser that says little', { origin: 'https://x.example' }],
    ['a page without an origin', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', origin: 'null' }],
  ])('may not use the cookie: %s', async (_, headers) => {
    const jar = await signedInJar(app.url);
    expect((await server.load(jar, { headers: headers as Record<string, string> })).text).toBe('forbidden');
    expect(server.asked).toEqual([]);
  });

  test.each([
    ['the user typed the address', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }],
    ['a link of another host of the site', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' }],
    [
      'a form of its own',
      { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', origin: 'https://y.example' },
    ],
    ['a page of an allowed origin', { 'sec-fetch-site': 'same-site', origin: 'https://app.example' }],
    [
      'a form of its own by a proxy, in a browser that says little',
      { origin: 'https://shop.example', 'x-forwarded-host': 'shop.example' },
    ],
  ])('passes if it is not one: %s', async (_, headers) => {
    server.options = { pageOrigins: ['https://app.example'] };
    const jar = await signedInJar(app.url);
    expect((await server.load(jar, { headers: headers as Record<string, string> })).text).toBe('user-alice');
  });

  test('is nobody without the cookie, as after a link of another site or a sign-out', async () => {
    const jar = await signedInJar(app.url);
    await server.load(jar);
    jar.cookies.delete(REFRESH);
    server.reset();
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await server.load(jar, { headers })).text).toBe('nobody');
    expect(server.asked).toEqual([]);
  });
});

describe('a server in strict mode', () => {
  const app = listening('express', { controllers, options: { refreshToken: { grace: '0s' } } });
  const server = renderingServer(() => app);

  test('keeps the session through page loads at the same moment, and through lost responses', async () => {
    const jar = await signedInJar(app.url);
    await server.load(jar);
    app.clock.advance(DAY);
    const copy = jar.copy();
    const pages = await Promise.all([server.load(jar), server.load(copy)]);
    expect(pages.map(({ text }) => text)).toEqual(['user-alice', 'user-alice']);
    app.clock.advance(DAY);
    await server.load(copy, { keep: false });
    app.clock.advance(DAY);
    expect((await server.load(copy)).text).toBe('user-alice');
  });
});

describe('the options of a client for servers', () => {
  const valid = { baseUrl: 'http://api.internal:3000', cookies: '' };

  test.each([
    ['baseUrl', { baseUrl: '/api' }],
    ['baseUrl', { baseUrl: 'file:///etc' }],
    ['allowedOrigins', { allowedOrigins: ['https://files.example/'] }],
    ['pageOrigins', { pageOrigins: ['app.example'] }],
    ['timeout', { timeout: 0 }],
  ])('are checked: %s', (_, options) => {
    expect(() => createServerAuthClient({ ...valid, ...options })).toThrow(
      expect.objectContaining({ code: 'invalid_configuration' }) as Error,
    );
  });
});
