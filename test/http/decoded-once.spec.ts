import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { RefreshTokenCodec } from '../../src/auth/refresh-token/refresh-token.codec.js';
import { recordStatements } from '../support/recorded-statements.js';
import { adapters } from '../support/auth-app.js';
import { cookieHeader, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';

const CROSS_SITE = { 'sec-fetch-site': 'cross-site' };

for (const adapter of adapters) {
  describe(`a refresh token that is presented (${adapter})`, () => {
    const app = listening(adapter, { imports: [AuthThrottlingModule.forRoot()] });

    /** How often the work decodes a token, and reads the table of sessions. */
    const costOf = async (work: () => Promise<unknown>) => {
      const decode = vi.spyOn(app.module.get(RefreshTokenCodec, { strict: false }), 'decode');
      onTestFinished(() => decode.mockRestore());
      const recording = recordStatements([app.dataSource]);
      await work();
      // What has been decoded may be handed on to it again, at no cost.
      const decodes = decode.mock.calls.filter(([token]) => typeof token === 'string');
      const reads = recording.stop().filter(({ sql }) => /^SELECT.*token_hash/.test(sql));
      return { decodes: decodes.length, reads: reads.length };
    };

    test('in the body is decoded once, and its session read once', async () => {
      const { refreshToken } = await signIn(app, { transport: 'body' });
      const cost = await costOf(async () => expect((await refresh(app.url, refreshToken)).status).toBe(200));
      expect(cost).toEqual({ decodes: 1, reads: 1 });
    });

    test('in the body of another site is decoded once, and its session read once', async () => {
      const { refreshToken } = await signIn(app, { transport: 'body' });
      const cost = await costOf(async () =>
        expect((await refresh(app.url, refreshToken, CROSS_SITE)).status).toBe(200),
      );
      expect(cost).toEqual({ decodes: 1, reads: 1 });
    });

    test('in the cookie is decoded once, and its session read once', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const headers = cookieHeader(refreshToken);
      const cost = await costOf(async () =>
        expect((await send('POST', `${app.url}/auth/refresh`, { headers })).status).toBe(200),
      );
      expect(cost).toEqual({ decodes: 1, reads: 1 });
    });

    test('that nobody issued is decoded once, and asks no database', async () => {
      const cost = await costOf(async () => expect((await refresh(app.url, 'nrt_forged')).status).toBe(401));
      expect(cost).toEqual({ decodes: 1, reads: 0 });
    });
  });
}
