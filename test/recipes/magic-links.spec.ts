import { afterEach, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, cookieHeader, cookiesSet, refreshCookie, send } from '../support/http.js';
import { MINUTE } from '../support/listening.js';
import { pageHost } from '../support/page-host.js';

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

describe.each(adapters)('a link in a mail (%s)', (adapter) => {
  const mails: { to: string; text: string }[] = [];
  const host = pageHost(adapter, {
    page: 'docs/guides/magic-links.md',
    modules: ['LinksModule'],
    configure: ({ app, exported }) => {
      const mailer = app.get(exported.Mailer, { strict: false }) as {
        send: (mail: (typeof mails)[0]) => Promise<void>;
      };
      mailer.send = async (mail) => void mails.push(mail);
    },
  });
  afterEach(() => void mails.splice(0));

  async function ask(email = 'alice') {
    const answer = await send('POST', `${host.url}/login/link`, { body: { email }, headers: SAME_ORIGIN });
    expect(answer.status).toBe(204);
    const [cookie] = cookiesSet(answer);
    return { cookie: `${cookie.name}=${cookie.value}`, attributes: cookie };
  }
  async function asked() {
    const before = mails.length;
    const { cookie } = await ask();
    await expect.poll(() => mails.length).toBe(before + 1);
    const link = new URL(/https?:\S+/.exec(mails.at(-1)!.text)![0]);
    return { cookie, link, token: link.searchParams.get('token')! };
  }
  /** As the form of the page does. */
  const use = (token: string, cookie?: string, more: Record<string, string> = SAME_ORIGIN) =>
    send<AuthBody>('POST', `${host.url}/login/link/use`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(cookie && { cookie }), ...more },
      text: `token=${token}`,
    });
  const signedIn = () => host.events.filter(({ type }) => type === 'signed_in').length;

  test('opens a session when its button is pressed', async () => {
    const { cookie, link, token } = await asked();
    expect([link.origin, mails[0].to]).toEqual([host.origin, 'alice']);
    const page = await send<string>('GET', `${host.url}${link.pathname}${link.search}`, {
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect(page.body).toContain(`value="${token}"`);
    expect([page.headers.get('cache-control'), page.headers.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ]);
    const answer = await use(token, cookie);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/signed-in']);
    const refreshed = await send('POST', `${host.url}/auth/refresh`, { headers: cookieHeader(refreshCookie(answer)!) });
    expect(refreshed.status).toBe(200);
  });

  test('replaces the session of the browser', async () => {
    const first = await asked();
    const former = await use(first.token, first.cookie);
    const second = await asked();
    await use(second.token, `${second.cookie}; ${cookieHeader(refreshCookie(former)!).cookie}`);
    expect(host.events.at(-1)).toMatchObject({ type: 'revoked', reason: 'replaced' });
  });

  test('opens none for who only opens it, and still works then', async () => {
    const before = signedIn();
    const { cookie, link, token } = await asked();
    for (let time = 0; time < 3; time++) {
      for (const method of ['GET', 'HEAD']) await send(method, `${host.url}${link.pathname}${link.search}`);
    }
    expect(signedIn()).toBe(before);
    expect((await use(token, cookie)).status).toBe(303);
  });

  test('works once, also if it is used twice at the same moment', async () => {
    const { cookie, token } = await asked();
    const before = signedIn();
    const answers = await Promise.all([1, 2, 3].map(() => use(token, cookie)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 401, 401]);
    const again = await use(token, cookie);
    expect([again.status, refreshCookie(again), signedIn()]).toEqual([401, undefined, before + 1]);
  });

  test('works in the browser that asked, and is not used up in another', async () => {
    const [mine, theirs] = [await asked(), await ask('nobody')];
    expect((await use(mine.token)).status).toBe(401);
    expect((await use(mine.token, theirs.cookie)).status).toBe(401);
    expect((await use(mine.token, mine.cookie, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    const again = await asked();
    expect((await use(again.token, again.cookie)).status).toBe(303);
  });

  test('works for 15 minutes', async () => {
    const { cookie, token } = await asked();
    host.clock.advance(15 * MINUTE);
    expect((await use(token, cookie)).status).toBe(401);
  });

  test('goes to users alone; the answer does not say who is one, and no stranger asks for it', async () => {
    const [known, unknown] = [await ask('alice'), await ask('nobody')];
    await expect.poll(() => mails.length).toBe(1);
    expect({ ...known.attributes, value: '' }).toEqual({ ...unknown.attributes, value: '' });
    const { status, headers } = await send('POST', `${host.url}/login/link`, {
      body: { email: 'alice' },
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect([status, headers.getSetCookie()]).toEqual([403, []]);
    expect(mails).toHaveLength(1);
  });

  test('is stored as a hash, and a bad one is 401', async () => {
    const { cookie, token } = await asked();
    const rows = JSON.stringify(await host.dataSource.query('SELECT * FROM login_links'));
    expect(rows).not.toContain(token);
    expect(rows).not.toContain(cookie.split('=')[1]);
    for (const bad of ['', 'x', '%00', token.slice(1), `${token}x`, 'a&token=b']) {
      expect((await use(bad, cookie)).status, bad).toBe(401);
    }
    expect((await send('POST', `${host.url}/login/link/use`)).status).toBe(401);
    expect((await send('POST', `${host.url}/login/link`, { headers: SAME_ORIGIN })).status).toBe(204);
    const page = await send<string>('GET', `${host.url}/login/link?token=${encodeURIComponent('"><script>')}`);
    expect(page.body).toContain('value="script"');
  });
});
