import { Controller, Get, Header } from '@nestjs/common';
import type { BrowserContext } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { PageController } from '../support/client-host.js';
import { CLIENT, fakeGoogle } from '../support/fake-google.js';
import { type AuthBody, cookieHeader, refreshCookie, send } from '../support/http.js';
import { pageHost } from '../support/page-host.js';

const env = { GOOGLE_CLIENT_ID: CLIENT.id, GOOGLE_CLIENT_SECRET: CLIENT.secret };
const VARIANTS = [
  { variant: 'in one step', inTwoSteps: false },
  { variant: 'in two steps', inTwoSteps: true },
];

/** Node.js, as a browser that keeps the cookie of the state. */
const CROSS_SITE = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };

@Controller('signed-in')
class SignedInController {
  @Get()
  @Header('Content-Type', 'text/html')
  page() {
    return '<!doctype html><title>signed in</title><script type="module" src="/page.js"></script>';
  }
}

describe.each(VARIANTS)('the sign-in with Google $variant', ({ inTwoSteps }) => {
  const google = fakeGoogle();
  const host = pageHost('express', {
    page: 'docs/guides/social-login.md',
    modules: ['GoogleModule'],
    controllers: [PageController, SignedInController],
    env,
    prepare: ({ GoogleModule, GoogleInTwoStepsController }) => {
      const controllers = inTwoSteps ? [GoogleInTwoStepsController] : undefined;
      if (controllers) Reflect.defineMetadata('controllers', controllers, GoogleModule);
    },
    configure: ({ app, exported }) => {
      // The strategy of the page names no addresses: those of Google are its defaults.
      const strategy = app.get(exported.GoogleStrategy, { strict: false }) as {
        _userProfileURL: string;
        _oauth2: { _authorizeUrl: string; _accessTokenUrl: string };
      };
      strategy._userProfileURL = `${google.url}/userinfo`;
      app.useLogger(false);
      Object.assign(strategy._oauth2, { _authorizeUrl: `${google.url}/auth`, _accessTokenUrl: `${google.url}/token` });
    },
  });
  const finish = inTwoSteps ? 'finish' : 'callback';
  const site = inTwoSteps ? { 'sec-fetch-site': 'same-origin' } : CROSS_SITE;

  /** The way to Google and back, up to the last request. */
  async function comeBack(headers: Record<string, string> = {}) {
    const started = await send('GET', `${host.url}/login/google`, { headers });
    expect(started.status).toBe(302);
    const asked = new URL(started.headers.get('location')!);
    const [stateCookie] = started.headers.getSetCookie();
    const back = google.consent(asked);
    return { asked, stateCookie, cookie: stateCookie.split(';')[0], search: back.search };
  }
  const finishBy = (search: string, headers: Record<string, string>) =>
    send<AuthBody>('GET', `${host.url}/login/google/${finish}${search}`, { headers: { ...site, ...headers } });

  test('ends at the page, with a session of the same user each time', async () => {
    const ids = [];
    for (let time = 0; time < 2; time++) {
      const { asked, stateCookie, cookie, search } = await comeBack();
      expect(Object.fromEntries(asked.searchParams)).toMatchObject({
        client_id: CLIENT.id,
        scope: 'openid',
        code_challenge_method: 'S256',
        redirect_uri: `${host.origin}/login/google/callback`,
      });
      expect(stateCookie).toMatch(
        /^__Host-google_state=[\w-]{22}\.[\w-]+; Max-Age=600; Path=\/.*HttpOnly; Secure; SameSite=Lax/,
      );
      const answer = await finishBy(search, { cookie });
      expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([
        303,
        '/signed-in',
        'no-store',
      ]);
      // The state is used up.
      expect(answer.headers.getSetCookie().join()).toMatch(/__Host-google_state=;.*Expires=Thu, 01 Jan 1970/);
      const refreshed = await send<AuthBody>('POST', `${host.url}/auth/refresh`, {
        headers: cookieHeader(refreshCookie(answer)!),
      });
      expect(refreshed.status).toBe(200);
      ids.push(host.events.filter(({ type }) => type === 'signed_in').at(-1)!.userId);
    }
    expect(new Set(ids).size).toBe(1);
    google.sub = 'google-user-2';
    const { cookie, search } = await comeBack();
    await finishBy(search, { cookie });
    expect(host.events.filter(({ type }) => type === 'signed_in').at(-1)!.userId).not.toBe(ids[0]);
  });

  test('refuses an answer that this browser has not asked for', async () => {
    const [mine, theirs] = [await comeBack(), await comeBack()];
    const before = host.events.length;
    for (const [search, headers] of [
      [mine.search, {}],
      [mine.search, { cookie: theirs.cookie }],
      [mine.search.replace(/state=[^&]+/, 'state='), { cookie: mine.cookie }],
      [mine.search.replace(/state=[^&]+/, ''), { cookie: '__Host-google_state=' }],
      ['?error=access_denied&state=x', { cookie: mine.cookie }],
    ] as [string, Record<string, string>][]) {
      const answer = await finishBy(search, headers);
      expect([answer.status, refreshCookie(answer)], search).toEqual([401, undefined]);
    }
    // A code that was stolen is worth nothing in another browser: its verifier is in the cookie.
    const swapped = mine.search.replace(/state=[^&]+/, `state=${new URLSearchParams(theirs.search).get('state')}`);
    expect((await finishBy(swapped, { cookie: theirs.cookie })).status).toBeGreaterThanOrEqual(400);
    expect(host.events.length).toBe(before);
  });

  test('signs in no user who is disabled', async () => {
    google.sub = 'google-user-3';
    const first = await comeBack();
    await finishBy(first.search, { cookie: first.cookie });
    await host.dataSource
      .getRepository(host.exported.User)
      .update({ username: 'google-google-user-3' }, { disabled: true } as never);
    const second = await comeBack();
    const answer = await finishBy(second.search, { cookie: second.cookie });
    expect([answer.status, refreshCookie(answer)]).toEqual([401, undefined]);
  });

  if (inTwoSteps) {
    test('shows nothing of what is in the address of its page as HTML', async () => {
      const { body, headers } = await send<string>(
        'GET',
        `${host.url}/login/google/callback?code=${encodeURIComponent('"><script>alert(1)</script>')}&state=%26quot%3B`,
      );
      expect(body).toMatch(/^<meta http-equiv="refresh" content="0; url=finish\?[^"<>]*">$/);
      expect([headers.get('cache-control'), headers.get('referrer-policy')]).toEqual(['no-store', 'no-referrer']);
    });

    test('refuses a finish that another site has asked for', async () => {
      google.sub = 'google-user-1';
      const { search, cookie } = await comeBack();
      const answer = await finishBy(search, { cookie, ...CROSS_SITE });
      expect([answer.status, refreshCookie(answer)]).toEqual([403, undefined]);
    });
  }

  describe.skipIf(!browserAvailable)('in Chromium', () => {
    const newContext = chromiumContexts();

    async function signIn(context: BrowserContext) {
      const page = await context.newPage();
      await page.goto(`${host.origin}/login/google`);
      expect(new URL(page.url()).origin).toBe(google.url);
      await page.click('#allow');
      await page.waitForURL(`${host.origin}/signed-in`);
      await page.waitForFunction(() => globalThis.client);
      // As the script of the page does.
      await page.evaluate(async () => {
        await client.adopt();
        location.replace('/');
      });
      await page.waitForURL(`${host.origin}/`);
      await page.waitForFunction(() => globalThis.client);
      const user = await page.evaluate(() => client.user());
      return { page, user };
    }

    test('the client of the page finds the session; the previous one ends if the cookie was sent', async () => {
      const context = await newContext();
      google.sub = 'google-user-4';
      const first = await signIn(context);
      expect(first.user).toMatchObject({ roles: ['user'] });
      google.sub = 'google-user-5';
      const second = await signIn(context);
      expect(second.user?.id).not.toBe(first.user!.id);
      const replaced = host.events.filter(({ reason }) => reason === 'replaced');
      expect(replaced.map(({ sessionId }) => sessionId)).toEqual(inTwoSteps ? [first.user!.sessionId] : []);
      // The tab that was open has heard of it.
      expect((await first.page.evaluate(() => client.user()))?.id).toBe(second.user!.id);
    });

    test('a page of another site cannot sign a visitor in to its own account', async () => {
      const context = await newContext();
      const theirs = await comeBack();
      const page = await context.newPage();
      await page.goto(`${google.url}/auth?redirect_uri=${encodeURIComponent(`${host.origin}/`)}`);
      await page.goto(`${host.origin}/login/google`);
      await page.goto(`${host.origin}/login/google/callback${theirs.search}`, { referer: google.url });
      await page.waitForLoadState('networkidle');
      expect((await context.cookies()).filter(({ name }) => name === '__Host-refresh_token')).toEqual([]);
    });
  });
});
