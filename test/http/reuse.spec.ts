import { describe, expect, test } from 'vitest';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { type Answer, cookieHeader, refresh } from '../support/http.js';
import { comparable, DAY, listening, SECOND, signIn } from '../support/listening.js';

const GRACE = 10 * SECOND;

const agent = (system: string, browser: string) => ({
  'user-agent': `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) ${browser}`,
});
const WINDOWS = 'Windows NT 10.0; Win64; x64';
const CHROME_ON_WINDOWS = agent(WINDOWS, 'Chrome/140.0.0.0 Safari/537.36');
const NEWER_CHROME_ON_WINDOWS = agent(WINDOWS, 'Chrome/141.0.0.0 Safari/537.36');
const CHROME_ON_LINUX = agent('X11; Linux x86_64', 'Chrome/140.0.0.0 Safari/537.36');
const FIREFOX_ON_WINDOWS = {
  'user-agent': `Mozilla/5.0 (${WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0`,
};

for (const adapter of adapters) {
  describe(`reuse (${adapter})`, () => {
    const app = listening(adapter);

    test('of a consumed token ends the session, the newest token too', async () => {
      const { refreshToken: first, sessionId } = await signIn(app);
      const second = (await refresh(app.url, first)).body.refresh_token;
      app.clock.advance(GRACE);

      expect((await refresh(app.url, first)).status).toBe(401);
      expect((await refresh(app.url, second)).status).toBe(401);
      const alerts = app.events.filter(({ type }) => type === 'reuse_detected');
      expect(alerts).toEqual([expect.objectContaining({ sessionId, userId: 'user-alice', alert: true })]);
    });

    test('is the same when the thief has been first', async () => {
      const { refreshToken: stolen } = await signIn(app);
      const ofThief = (await refresh(app.url, stolen)).body.refresh_token;
      app.clock.advance(GRACE);

      expect((await refresh(app.url, stolen)).status).toBe(401);
      expect((await refresh(app.url, ofThief)).status).toBe(401);
    });

    test('of a token from before the latest burst is reuse at once', async () => {
      const { refreshToken: first } = await signIn(app);
      const second = (await refresh(app.url, first)).body.refresh_token;
      app.clock.advance(GRACE);
      const third = (await refresh(app.url, second)).body.refresh_token;

      expect((await refresh(app.url, first)).status).toBe(401);
      expect((await refresh(app.url, third)).status).toBe(401);
    });

    test('of a token of a burst is none while the window is open, however many refreshes ago', async () => {
      const { refreshToken: first } = await signIn(app);
      const second = (await refresh(app.url, first)).body.refresh_token;
      const third = (await refresh(app.url, second)).body.refresh_token;
      app.clock.advance(GRACE - 1);
      for (const token of [first, second]) {
        expect((await refresh(app.url, token)).body.refresh_token).toBe(third);
      }

      app.clock.advance(1);
      expect((await refresh(app.url, second)).status).toBe(401);
      expect((await refresh(app.url, third)).status).toBe(401);
    });

    test('of another browser or another system is reuse within the window, too', async () => {
      for (const other of [FIREFOX_ON_WINDOWS, CHROME_ON_LINUX]) {
        const { refreshToken } = await signIn(app, {}, CHROME_ON_WINDOWS);
        const successor = (await refresh(app.url, refreshToken, CHROME_ON_WINDOWS)).body.refresh_token;
        // A newer version of the same browser is the same one.
        expect((await refresh(app.url, refreshToken, NEWER_CHROME_ON_WINDOWS)).body.refresh_token).toBe(successor);
        expect((await refresh(app.url, refreshToken, other)).status).toBe(401);
        expect(app.events.at(-1)).toMatchObject({ type: 'reuse_detected', alert: true });
        expect((await refresh(app.url, successor, CHROME_ON_WINDOWS)).status).toBe(401);
      }
    });

    test('is not what another browser does with the live token', async () => {
      const { refreshToken } = await signIn(app, {}, CHROME_ON_WINDOWS);
      const successor = (await refresh(app.url, refreshToken, CHROME_ON_WINDOWS)).body.refresh_token;
      expect((await refresh(app.url, successor, FIREFOX_ON_WINDOWS)).status).toBe(200);
    });

    test('leaves the other sessions of the user alone', async () => {
      const otherDevice = await signIn(app);
      const { refreshToken: first } = await signIn(app);
      await refresh(app.url, first);
      app.clock.advance(GRACE);
      expect((await refresh(app.url, first)).status).toBe(401);

      expect((await refresh(app.url, otherDevice.refreshToken)).status).toBe(200);
    });

    test('an unknown token revokes nothing', async () => {
      const { refreshToken } = await signIn(app);
      const forged = `${refreshToken.slice(0, 82)}${'A'.repeat(50)}`;
      expect((await refresh(app.url, forged)).status).toBe(401);
      expect((await refresh(app.url, `nrt_${'A'.repeat(128)}`)).status).toBe(401);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  });

  describe(`all tokens that are no good look the same from outside (${adapter})`, () => {
    const app = listening(adapter);

    test.each(['body', 'cookie'] as const)('in the %s', async (transport) => {
      const present = (token: string) =>
        transport === 'body' ? refresh(app.url, token) : refresh(app.url, undefined, cookieHeader(token));
      // A cookie that this server did not set stays: it may belong to another application on the same host.
      const seen = (answer: Answer) => {
        const { headers, ...rest } = comparable(answer);
        return { ...rest, headers: headers.filter(([name]) => name !== 'set-cookie') };
      };
      const unknown = await present(`nrt_${'A'.repeat(128)}`);
      expect(unknown).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
      expect(Object.keys(unknown.body)).toEqual(['error', 'error_description']);

      for (const [name, make] of Object.entries(deadTokens)) {
        const answer = await present(await make(app, transport));
        expect(seen(answer), name).toEqual(seen(unknown));
      }
    });
  });
}

type Transport = 'body' | 'cookie';

/** Each way for a token to be dead, and how to get there. */
const deadTokens: Record<string, (app: AuthApp, transport: Transport) => Promise<string>> = {
  async reused(app, transport) {
    const { refreshToken } = await signIn(app, { transport });
    await refresh(app.url, refreshToken);
    app.clock.advance(GRACE);
    return refreshToken;
  },
  async 'of a session that reuse has ended'(app, transport) {
    const token = await deadTokens.reused(app, transport);
    await refresh(app.url, token);
    return token;
  },
  async 'logged out'(app, transport) {
    const { refreshToken, sessionId } = await signIn(app, { transport });
    await app.service.revoke(sessionId, 'logout');
    return refreshToken;
  },
  async idle(app, transport) {
    const { refreshToken } = await signIn(app, { transport });
    app.clock.advance(7 * DAY);
    return refreshToken;
  },
  async expired(app, transport) {
    const { refreshToken } = await signIn(app, { transport });
    app.clock.advance(30 * DAY);
    return refreshToken;
  },
  async purged(app, transport) {
    const { refreshToken } = await signIn(app, { transport });
    app.clock.advance(60 * DAY);
    await app.service.purge();
    return refreshToken;
  },
  async 'of a user who is gone'(app, transport) {
    app.users.users.set('carol', { id: 'user-carol', roles: [] });
    const { refreshToken } = await signIn(app, { username: 'carol', transport });
    app.users.users.delete('carol');
    return refreshToken;
  },
  async forged(app, transport) {
    const { refreshToken } = await signIn(app, { transport });
    return refreshToken.slice(0, -2) + (refreshToken.endsWith('AA') ? 'BB' : 'AA');
  },
  async 'an access token'(app, transport) {
    return (await signIn(app, { transport })).accessToken;
  },
  async 'no token at all'() {
    return 'hello';
  },
};
