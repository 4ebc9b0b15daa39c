import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, cookieHeader, refresh, send } from '../support/http.js';
import { listening, MINUTE, type SignedIn, signIn } from '../support/listening.js';

const CHALLENGE = 'Bearer error="insufficient_user_authentication", max_age="600"';

for (const adapter of adapters) {
  describe(`a thief with the access token of a session whose login was eleven minutes ago (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { stepUpToEndSessions: '10m' } } });
    const isAlive = async ({ refreshToken }: SignedIn) => (await refresh(app.url, refreshToken)).status === 200;
    const laterOn = async () => {
      const sessions = { stolen: await signIn(app), other: await signIn(app, { transport: 'cookie' }) };
      app.clock.advance(11 * MINUTE);
      return sessions;
    };

    // The thief signs the owner out everywhere else, to be left alone.
    test.each<[string, string, (other: SignedIn) => string, object?]>([
      ['one by one', 'DELETE', ({ sessionId }) => `sessions/${sessionId}`],
      ['one by one, in capitals', 'DELETE', ({ sessionId }) => `sessions/${sessionId.toUpperCase()}`],
      ['one by one, with a slash', 'DELETE', ({ sessionId }) => `sessions/${sessionId}/`],
      ['all of them', 'POST', () => 'logout-all'],
      ['all of them, with a body', 'POST', () => 'logout-all', { except_current: false }],
      ['all others', 'POST', () => 'logout-all', { except_current: true }],
      ['all others, in a body that is not valid', 'POST', () => 'logout-all', { except_current: 'yes' }],
    ])('ends no other session: %s', async (_, method, path, body) => {
      const { stolen, other } = await laterOn();
      const refreshed = await refresh(app.url, stolen.refreshToken);
      for (const accessToken of [stolen.accessToken, refreshed.body.access_token]) {
        const answer = await send<AuthBody>(method, `${app.url}/auth/${path(other)}`, {
          headers: bearer(accessToken),
          body,
        });
        if (answer.status !== 404) {
          expect(answer).toMatchObject({ status: 401, body: { error: 'insufficient_user_authentication' } });
          expect(answer.headers.get('www-authenticate')).toBe(CHALLENGE);
        }
      }
      expect([await isAlive(stolen), await isAlive(other)]).toEqual([true, true]);
    });

    // The sign-out needs no recent authentication, so the thief names another session in it.
    test.each(['session_id', 'sessionId', 'id'])(
      'ends no other session by a sign-out that names it as %s',
      async (field) => {
        const { stolen, other } = await laterOn();
        const body = { [field]: other.sessionId };
        expect(
          (await send('POST', `${app.url}/auth/logout`, { headers: bearer(stolen.accessToken), body })).status,
        ).toBe(204);
        expect(await isAlive(other)).toBe(true);
      },
    );

    // The answers tell which ids are sessions of the owner.
    test('learns nothing of a session that does not exist', async () => {
      const { stolen, other } = await laterOn();
      const answers = await Promise.all(
        [other.sessionId, '7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77', 'junk'].map((id) =>
          send<AuthBody>('DELETE', `${app.url}/auth/sessions/${id}`, { headers: bearer(stolen.accessToken) }),
        ),
      );
      expect(answers.map(({ body }) => body.error)).toEqual(Array(3).fill('insufficient_user_authentication'));
    });

    // A step-up of the owner in another session must not make the stolen token recent.
    test('gains nothing when the owner authenticates in another session', async () => {
      const { stolen, other } = await laterOn();
      const steppedUp = await send<AuthBody>('POST', `${app.url}/auth/step-up`, {
        headers: cookieHeader(other.refreshToken),
        body: { password: 'alice-password' },
      });
      expect(steppedUp.status).toBe(200);
      const { status } = await send('POST', `${app.url}/auth/logout-all`, { headers: bearer(stolen.accessToken) });
      expect(status).toBe(401);
    });
  });
}
