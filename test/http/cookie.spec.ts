import { AuthError } from 'nestjs-refresh-token';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { adapters } from '../support/auth-app.js';
import {
  type Answer,
  bearer,
  cookieHeader,
  cookiesSet,
  login,
  refresh,
  REFRESH_COOKIE,
  refreshCookie,
  send,
} from '../support/http.js';
import { expectRefusal } from '../support/refused.js';
import { DAY, HOUR, listening, SECOND, signIn } from '../support/listening.js';

const ATTRIBUTES = {
  name: '__Host-refresh_token',
  path: '/',
  httpOnly: true,
  secure: true,
  sameSite: 'strict',
};
const WEEK = (7 * DAY) / SECOND;

function onlyCookie(answer: Answer) {
  const cookies = cookiesSet(answer);
  expect(cookies).toHaveLength(1);
  return cookies[0];
}

for (const adapter of adapters) {
  describe(`the cookie (${adapter})`, () => {
    const app = listening(adapter);

    test('has every attribute it should have, and no other, at login, refresh and retry', async () => {
      const before = await signIn(app, { transport: 'cookie' });
      expect(onlyCookie(before.answer)).toEqual({ ...ATTRIBUTES, value: before.refreshToken, maxAge: WEEK });
      for (const attempt of ['refresh', 'retry']) {
        const answer = await refresh(app.url, undefined, cookieHeader(before.refreshToken));
        expect(onlyCookie(answer), attempt).toEqual({ ...ATTRIBUTES, value: expect.any(String), maxAge: WEEK });
      }
    });

    test('is written so that no browser has to guess', async () => {
      const { answer } = await signIn(app, { transport: 'cookie' });
      const [field] = answer.headers.getSetCookie();
      expect(field).toMatch(
        /^__Host-refresh_token=nrt_[\w-]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      );
      expect(field.length).toBeLessThan(4096);
    });

    test('is found among other cookies, malformed ones too', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const cookie = `a=b; __Host-refresh_tokenX=1; refresh_token=2; ${cookieHeader(refreshToken).cookie}; =; ;c;%=%`;
      expect((await refresh(app.url, undefined, { cookie })).status).toBe(200);
    });

    test('without the prefix of its name is not the cookie', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const answer = await refresh(app.url, undefined, { cookie: `refresh_token=${refreshToken}` });
      expect(answer).toMatchObject({ status: 400, body: { error: 'refresh_token_missing' } });
    });

    test('that is empty counts as missing', async () => {
      const { refreshToken } = await signIn(app);
      expect((await refresh(app.url, refreshToken, cookieHeader(''))).status).toBe(200);
      expect((await refresh(app.url, undefined, cookieHeader(''))).status).toBe(400);
    });

    test('of a dead session is taken back, with the attributes it was set with', async () => {
      const { refreshToken, sessionId } = await signIn(app, { transport: 'cookie' });
      await app.service.revoke(sessionId, 'logout');
      const answer = await refresh(app.url, undefined, cookieHeader(refreshToken));
      expect(answer.status).toBe(401);
      expect(onlyCookie(answer)).toEqual({ ...ATTRIBUTES, value: '', maxAge: 0 });
    });

    test('is found among others, and within quotes', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      for (const cookie of [
        `a="b"; ${REFRESH_COOKIE}=${refreshToken}; c=d`,
        `a=b;${REFRESH_COOKIE}=${refreshToken}`,
        `${REFRESH_COOKIE}="${refreshToken}"`,
        `x${REFRESH_COOKIE}=junk; ${REFRESH_COOKIE}=${refreshToken}; ${REFRESH_COOKIE}x=junk; %=%zz`,
      ]) {
        expect((await refresh(app.url, undefined, { cookie })).status, cookie).toBe(200);
      }
    });

    test('is left alone by every other refusal', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const cookie = cookieHeader(refreshToken);
      const answers = [
        await refresh(app.url, refreshToken, cookie),
        await refresh(app.url, undefined, { ...cookie, 'sec-fetch-site': 'cross-site' }),
        await login(app.url, { username: 'alice', password: 'wrong', transport: 'cookie' }, cookie),
        await send('GET', `${app.url}/auth/me`, { headers: { ...cookie, ...bearer('junk') } }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([400, 403, 401, 401]);
      expect(answers.flatMap(cookiesSet)).toEqual([]);
    });

    test('stays where the token was superseded, for its session lives', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const superseded = new AuthError('superseded');
      expect(superseded.sessionLives).toBe(true);
      const once = vi.spyOn(app.service, 'refresh').mockRejectedValueOnce(superseded);
      onTestFinished(() => once.mockRestore());
      const answer = await refresh(app.url, undefined, cookieHeader(refreshToken));
      expectRefusal(answer, { status: 409, error: 'superseded' });
      expect(cookiesSet(answer)).toEqual([]);
      expect((await refresh(app.url, undefined, cookieHeader(refreshToken))).status).toBe(200);
    });
  });

  describe(`Max-Age (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { ttl: '10d', idleTtl: '7d' } } });

    test('is the idle time, until the absolute end is nearer', async () => {
      let { refreshToken } = await signIn(app, { transport: 'cookie' });
      const seen: (number | undefined)[] = [];
      for (const wait of [2 * DAY, 2 * DAY, 5 * DAY, DAY - HOUR, HOUR - 1500]) {
        app.clock.advance(wait);
        const answer = await refresh(app.url, undefined, cookieHeader(refreshToken));
        refreshToken = refreshCookie(answer)!;
        seen.push(onlyCookie(answer).maxAge);
      }
      expect(seen).toEqual([WEEK, (6 * DAY) / SECOND, DAY / SECOND, HOUR / SECOND, 1]);
    });

    test('of a retry counts from the refresh, which it does not extend', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      await refresh(app.url, undefined, cookieHeader(refreshToken));
      app.clock.advance(9 * SECOND);
      const retry = await refresh(app.url, undefined, cookieHeader(refreshToken));
      expect(onlyCookie(retry).maxAge).toBe(WEEK - 9);
    });
  });

  describe(`a session longer than browsers keep cookies (${adapter})`, () => {
    const app = listening(adapter, {
      options: { refreshToken: { ttl: '400d', idleTtl: '400d' }, cookie: { name: '__Host-session' } },
    });

    test('has a cookie of 400 days at most, under the name that the host gave', async () => {
      const answer = await login(app.url, { username: 'alice', password: 'alice-password', transport: 'cookie' });
      const { name, value, maxAge } = onlyCookie(answer);
      expect({ name, maxAge }).toEqual({ name: '__Host-session', maxAge: (400 * DAY) / SECOND });
      expect((await refresh(app.url, undefined, { cookie: `__Host-session=${value}` })).status).toBe(200);
      expect((await refresh(app.url, undefined, cookieHeader(value!))).status).toBe(400);
    });
  });
}
