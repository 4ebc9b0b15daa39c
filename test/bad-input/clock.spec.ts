import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, cookieHeader, cookiesSet, refresh, send } from '../support/http.js';
import { DAY, HOUR, listening, SECOND, signIn } from '../support/listening.js';
import { expectRefused } from '../support/refused.js';

const USE = { idempotency_key: 'uQ3nT0kq9o2dJc5w' };
const NO_GOOD = { status: 401, error: 'invalid_grant' };

for (const adapter of adapters) {
  describe(`the last millisecond (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { ttl: '2d', idleTtl: '30h' } } });

    test('of the idle time is the last one', async () => {
      const [inTime, tooLate] = [await signIn(app), await signIn(app)];
      app.clock.advance(30 * HOUR - 1);
      expect((await refresh(app.url, inTime.refreshToken)).status).toBe(200);
      app.clock.advance(1);
      await expectRefused(app, () => refresh(app.url, tooLate.refreshToken), NO_GOOD, [tooLate.refreshToken]);
    });

    test('before the absolute end is the last one, however recently the session was used', async () => {
      let { refreshToken } = await signIn(app);
      for (const wait of [DAY, DAY - 1]) {
        app.clock.advance(wait);
        const answer = await refresh(app.url, refreshToken);
        expect(answer.status).toBe(200);
        refreshToken = answer.body.refresh_token;
      }
      app.clock.advance(1);
      await expectRefused(app, () => refresh(app.url, refreshToken), NO_GOOD, [refreshToken]);
    });
  });

  describe(`a clock that runs backwards (${adapter})`, () => {
    const app = listening(adapter);

    test.each([
      ['a millisecond', 1],
      ['almost ten seconds', 10 * SECOND - 1],
    ])('by %s logs nobody out, and is no reuse', async (_, by) => {
      const { refreshToken: first, accessToken } = await signIn(app);
      const second = (await refresh(app.url, first)).body.refresh_token;
      app.clock.advance(-by);

      expect((await refresh(app.url, first)).body.refresh_token).toBe(second);
      const third = (await refresh(app.url, second)).body.refresh_token;
      expect(third).not.toBe(second);
      expect((await refresh(app.url, second)).body.refresh_token).toBe(third);
      expect((await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) })).status).toBe(200);

      app.clock.advance(by);
      expect((await refresh(app.url, third)).status).toBe(200);
    });

    test.each([
      ['ten seconds', 10 * SECOND],
      ['an hour', HOUR],
      ['ten years', 3650 * DAY],
    ])('by %s logs nobody out who has the live token, or retries by key', async (_, by) => {
      const { refreshToken: first, accessToken } = await signIn(app);
      const retry = () => send<AuthBody>('POST', `${app.url}/auth/refresh`, { body: { refresh_token: first, ...USE } });
      const second = (await retry()).body.refresh_token;
      app.clock.advance(-by);

      expect((await retry()).body.refresh_token).toBe(second);
      const third = (await refresh(app.url, second)).body.refresh_token;
      expect(third).not.toBe(second);
      // The new window follows the clock as it is now.
      expect((await refresh(app.url, second)).body.refresh_token).toBe(third);
      expect((await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) })).status).toBe(200);

      app.clock.advance(by);
      // Nothing is written earlier than the row has. So the session is not idle, either.
      expect((await refresh(app.url, third)).status).toBe(200);
    });

    test('opens no window for long: a predecessor without a key is reuse, and not good until the clock is back', async () => {
      const { refreshToken: stolen } = await signIn(app);
      const successor = (await refresh(app.url, stolen)).body.refresh_token;
      app.clock.advance(-HOUR);
      expect((await refresh(app.url, stolen)).status).toBe(401);
      expect((await refresh(app.url, successor)).status).toBe(401);
      expect(app.events.at(-2)).toMatchObject({ type: 'reuse_detected' });
    });

    test('by more than the session has lived makes no answer absurd', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      app.clock.advance(-HOUR);
      const answer = await refresh(app.url, undefined, cookieHeader(refreshToken));
      expect(answer).toMatchObject({ status: 200, body: { expires_in: 900 } });
      const [{ maxAge }] = cookiesSet(answer);
      // From the last use on, which the row has an hour from now.
      expect(maxAge).toBe((7 * DAY + HOUR) / SECOND);
      const headers = bearer(answer.body.access_token);
      expect((await send('GET', `${app.url}/auth/sessions`, { headers })).status).toBe(200);
    });

    test('still tells theft, once the time is past the window again', async () => {
      const { refreshToken: stolen } = await signIn(app);
      app.clock.advance(-HOUR);
      const successor = (await refresh(app.url, stolen)).body.refresh_token;
      app.clock.advance(HOUR);
      expect((await refresh(app.url, stolen)).status).toBe(401);
      expect((await refresh(app.url, successor)).status).toBe(401);
    });
  });
}
