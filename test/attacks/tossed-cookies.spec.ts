import { parseSetCookie } from 'cookie';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type Answer, type AuthBody, cookiesSet, send } from '../support/http.js';
import { claimsOf, listening, type SignedIn, signIn } from '../support/listening.js';

const NAME = '__Secure-refresh_token';
const HOST = 'api.example.com';
/** As the proxy of the host says, which the application trusts. */
const BEHIND_PROXY = { 'x-forwarded-host': HOST, 'x-forwarded-proto': 'https' };

interface Kept {
  value: string;
  /** `undefined` for a cookie of the host alone. */
  domain?: string;
  path: string;
}

/** The cookies of one name that a browser has, by their places, as RFC 6265 keeps and sends them. */
class Jar {
  readonly #kept = new Map<string, Kept>();

  put({ value, domain, path }: Kept): void {
    const place = `${domain ?? `only ${HOST}`} ${path}`;
    if (value === '') this.#kept.delete(place);
    else this.#kept.set(place, { value, domain, path });
  }

  take(answer: Answer): void {
    for (const field of answer.headers.getSetCookie().map((text) => parseSetCookie(text))) {
      // The browser refuses a domain that is not of the host.
      const isOfHost = field.domain === undefined || HOST === field.domain || HOST.endsWith(`.${field.domain}`);
      expect(isOfHost, field.domain).toBe(true);
      // This browser has no partitions.
      if (field.name === NAME && !field.partitioned) {
        this.put({ value: field.value ?? '', domain: field.domain, path: field.path ?? '/' });
      }
    }
  }

  /** The longer path first. */
  headerFor(path: string): { cookie: string } {
    const sent = [...this.#kept.values()]
      .filter((kept) => path === kept.path || path.startsWith(kept.path.replace(/\/?$/, '/')))
      .sort((a, b) => b.path.length - a.path.length);
    return { cookie: sent.map(({ value }) => `${NAME}=${value}`).join('; ') };
  }
}

// Another host of the domain is in the attacker's hands: it can put cookies of our name beside ours.
describe.each(adapters)('with cookie.domain, an attacker on a subdomain (%s)', (adapter) => {
  const app = listening(adapter, {
    options: { cookie: { domain: 'example.com' }, refreshToken: { defaultTransport: 'cookie' } },
    trustProxy: 'loopback',
  });
  const post = (route: string, jar: Jar, body: object = {}) => {
    const headers = { ...BEHIND_PROXY, ...jar.headerFor(`/auth/${route}`) };
    return send<AuthBody>('POST', `${app.url}/auth/${route}`, { headers, body });
  };
  const tokenOf = ({ answer }: SignedIn) => cookiesSet(answer).find(({ name }) => name === NAME)!.value!;
  const signedIn = async () => {
    const jar = new Jar();
    const victim = await signIn(app, { transport: 'cookie' }, BEHIND_PROXY);
    jar.take(victim.answer);
    return { jar, victim };
  };
  const places = [
    { path: '/auth', domain: 'example.com' },
    { path: '/auth/', domain: 'example.com' },
    { path: '/auth/refresh', domain: 'example.com' },
    { path: '/auth/refresh', domain: HOST },
    { path: '/', domain: HOST },
    { path: '/', domain: undefined },
  ];

  test.each(['junk', 'nrt_', `nrt_${'A'.repeat(128)}`, '%E0%A4%A'])(
    'does not sign the victim out by %s in front of the token',
    async (value) => {
      const { jar, victim } = await signedIn();
      for (const place of places) jar.put({ value, ...place });
      const answer = await post('refresh', jar);
      expect(answer).toMatchObject({ status: 200, body: { session_id: victim.sessionId } });
    },
  );

  test.each(places)('cannot put a session of its own into $path of $domain', async (place) => {
    const { jar, victim } = await signedIn();
    const attacker = await signIn(app, { username: 'bob', transport: 'cookie' });
    jar.put({ value: tokenOf(attacker), ...place });

    const refused = await post('refresh', jar);
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(refused.headers.getSetCookie().join('\n').length).toBeLessThan(4_000);
    jar.take(refused);
    const repeated = await post('refresh', jar);
    expect(repeated).toMatchObject({ status: 200, body: { session_id: victim.sessionId } });
    expect(claimsOf(repeated.body.access_token)).toMatchObject({ sub: 'user-alice', gen: 1 });
    expect(app.events.filter(({ sessionId }) => sessionId === victim.sessionId).map(({ type }) => type)).toEqual([
      'signed_in',
      'refreshed',
    ]);
  });

  test('can put it everywhere at once, and gains nothing more', async () => {
    const { jar, victim } = await signedIn();
    for (const place of places) {
      jar.put({ value: tokenOf(await signIn(app, { username: 'bob', transport: 'cookie' })), ...place });
    }
    jar.take(await post('refresh', jar));
    expect((await post('refresh', jar)).body.session_id).toBe(victim.sessionId);
  });

  test.each([{}, { session_id: 'own' }])('cannot keep the victim from signing out with %j', async (body) => {
    const { jar, victim } = await signedIn();
    const attacker = await signIn(app, { username: 'bob', transport: 'cookie' });
    jar.put({ value: tokenOf(attacker), path: '/auth/logout', domain: 'example.com' });
    const out = await post('logout', jar, body.session_id ? { session_id: victim.sessionId } : {});
    expect(out.status).toBe(204);
    const revoked = app.events.filter(({ type }) => type === 'revoked').map(({ sessionId }) => sessionId);
    expect(revoked).toContain(victim.sessionId);
    expect(revoked.includes(attacker.sessionId)).toBe(!body.session_id);
    jar.take(out);
    expect(jar.headerFor('/auth/logout')).toEqual({ cookie: '' });
  });

  test('cannot sign out a session that the request does not mean', async () => {
    const { jar, victim } = await signedIn();
    jar.put({ value: tokenOf(await signIn(app, { username: 'bob', transport: 'cookie' })), path: '/auth' });
    const out = await post('logout', jar, { session_id: 'another' });
    expect(out.status).toBe(204);
    expect(cookiesSet(out)).toEqual([]);
    expect(app.events.filter(({ type, sessionId }) => type === 'revoked' && sessionId === victim.sessionId)).toEqual(
      [],
    );
  });

  test('gets 400 for a token in the body of such a request, as with one cookie', async () => {
    const { jar } = await signedIn();
    const attacker = await signIn(app, { username: 'bob', transport: 'cookie' });
    jar.put({ value: tokenOf(attacker), path: '/auth' });
    for (const route of ['refresh', 'logout']) {
      const answer = await post(route, jar, { refresh_token: tokenOf(attacker) });
      expect(answer, route).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });

  test('loses the planted session when the victim signs in', async () => {
    const { jar } = await signedIn();
    const attacker = await signIn(app, { username: 'bob', transport: 'cookie' });
    jar.put({ value: tokenOf(attacker), path: '/auth', domain: 'example.com' });
    const again = await post('login', jar, { username: 'alice', password: 'alice-password' });
    jar.take(again);
    const ended = app.events.filter((event) => event.type === 'revoked' && event.reason === 'replaced');
    expect(ended.map(({ sessionId }) => sessionId)).toContain(attacker.sessionId);
    expect((await post('refresh', jar)).body.session_id).toBe(again.body.session_id);
    // Also one in the other partition, which this browser does not know.
    const first = again.headers.getSetCookie()[0];
    expect(first).toBe(`${NAME}=; Max-Age=0; Domain=example.com; Path=/; Secure; Partitioned; SameSite=Strict`);
  });

  test('cannot use an older token of the victim: the newest of one session counts', async () => {
    const { jar, victim } = await signedIn();
    jar.take(await post('refresh', jar));
    jar.put({ value: tokenOf(victim), path: '/auth/refresh', domain: 'example.com' });
    const answer = await post('refresh', jar);
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.body.access_token).gen).toBe(2);
  });

  test('cannot have cookies removed by a page of another site', async () => {
    const { jar } = await signedIn();
    jar.put({ value: tokenOf(await signIn(app, { username: 'bob', transport: 'cookie' })), path: '/auth' });
    const headers = { ...BEHIND_PROXY, ...jar.headerFor('/auth/refresh'), 'sec-fetch-site': 'same-site' };
    const answer = await send('POST', `${app.url}/auth/refresh`, { headers });
    expect(answer.status).toBe(403);
    expect(cookiesSet(answer)).toEqual([]);
  });
});

describe.each(adapters)('a server that has switched partitioned cookies on (%s)', (adapter) => {
  const app = listening(adapter, { options: { cookie: { sameSite: 'none', partitioned: true } } });

  test('removes the cookie from before, when it belongs to another session', async () => {
    const [before, after] = [await signIn(app, { transport: 'cookie' }), await signIn(app, { transport: 'cookie' })];
    const cookie = [before, after].map(({ refreshToken }) => `__Host-refresh_token=${refreshToken}`).join('; ');
    const answer = await send('POST', `${app.url}/auth/refresh`, { headers: { cookie } });
    expect(answer.status).toBe(400);
    expect(answer.headers.getSetCookie()).toEqual(['__Host-refresh_token=; Max-Age=0; Path=/; Secure; SameSite=None']);
  });
});
