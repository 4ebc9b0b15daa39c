import { Controller, Get, UseGuards } from '@nestjs/common';
import {
  type AuthenticatedUser,
  type AuthUser,
  CurrentUser,
  JwtAuthGuard,
  type ReauthenticatedSession,
  type SignedInUser,
  StepUp,
  StepUpService,
} from 'nestjs-refresh-token';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { adapters, HostUsers } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';
import { type AuthBody, bearer, refresh, send } from '../support/http.js';
import { claimsOf, listening, MINUTE, signIn } from '../support/listening.js';

@Controller('bank')
@UseGuards(JwtAuthGuard)
class BankController {
  @Get('balance')
  balance(@CurrentUser() { amr, acr }: AuthenticatedUser) {
    return { amr, acr };
  }

  @StepUp({ acr: 'aal2' })
  @Get('account')
  account() {
    return { ok: true };
  }

  @StepUp({ acr: ['aal2', 'aal3'], maxAge: '5m' })
  @Get('transfer')
  transfer() {
    return { ok: true };
  }
}

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };

for (const adapter of adapters) {
  describe(`how a user has authenticated (${adapter})`, () => {
    const app = listening(adapter, { controllers: [BankController] });
    const original = new HostUsers();
    beforeEach(() => {
      app.users.users.set('alice', ALICE);
      app.users.reauthenticate = original.reauthenticate;
    });
    const get = (path: string, accessToken: string) =>
      send<AuthBody>('GET', `${app.url}/bank/${path}`, { headers: bearer(accessToken) });
    const stepUp = (refreshToken: string) =>
      send<AuthBody>('POST', `${app.url}/auth/step-up`, {
        body: { password: 'alice-password', refresh_token: refreshToken },
      });
    /** As a user provider that checks a second factor. */
    const secondFactor = (terms: SignedInUser['sessionTerms']) => {
      app.users.reauthenticate = async () => ({ ...ALICE, sessionTerms: terms });
    };

    test('is in the token: a password by default, or what the user provider says', async () => {
      const { accessToken } = await signIn(app);
      expect(claimsOf(accessToken)).toMatchObject({ amr: ['pwd'] });
      expect(claimsOf(accessToken)).not.toHaveProperty('acr');
      expect((await get('balance', accessToken)).body).toEqual({ amr: ['pwd'] });

      app.users.users.set('alice', { ...ALICE, sessionTerms: { amr: ['face', 'hwk'], acr: 'aal3' } } as AuthUser);
      const { accessToken: stronger } = await signIn(app);
      expect(claimsOf(stronger)).toMatchObject({ amr: ['face', 'hwk'], acr: 'aal3' });
      expect((await get('balance', stronger)).body).toEqual({ amr: ['face', 'hwk'], acr: 'aal3' });
      expect((await get('account', stronger)).status).toBe(401);
      expect((await get('transfer', stronger)).status).toBe(200);
    });

    test('a route that asks for a class answers the challenge of RFC 9470, until a step-up has brought it', async () => {
      const { accessToken, refreshToken } = await signIn(app);
      const refused = await get('account', accessToken);
      expect(refused).toMatchObject({ status: 401, body: { error: 'insufficient_user_authentication' } });
      expect(refused.headers.get('www-authenticate')).toBe(
        'Bearer error="insufficient_user_authentication", acr_values="aal2"',
      );
      expect((await get('transfer', accessToken)).headers.get('www-authenticate')).toBe(
        'Bearer error="insufficient_user_authentication", acr_values="aal2 aal3", max_age="300"',
      );
      secondFactor({ amr: ['pwd', 'otp'], acr: 'aal2' });
      const { body } = await stepUp(refreshToken);
      expect(claimsOf(body.access_token)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'aal2' });
      for (const path of ['account', 'transfer']) expect((await get(path, body.access_token)).status).toBe(200);
      // The class stays with the session, and its age counts.
      app.clock.advance(6 * MINUTE);
      const { body: later } = await refresh(app.url, body.refresh_token);
      expect((await get('account', later.access_token)).status).toBe(200);
      expect((await get('transfer', later.access_token)).status).toBe(401);
    });

    test('a weaker step-up brings a weaker class: its age must not be that of an earlier, stronger one', async () => {
      const { refreshToken } = await signIn(app);
      secondFactor({ amr: ['pwd', 'otp'], acr: 'aal2' });
      const { body: strong } = await stepUp(refreshToken);
      app.clock.advance(6 * MINUTE);
      app.users.reauthenticate = original.reauthenticate;
      const { body: weak } = await stepUp(strong.refresh_token);
      expect(claimsOf(weak.access_token)).toMatchObject({ amr: ['pwd'] });
      expect((await get('transfer', weak.access_token)).status).toBe(401);
    });

    test('the user provider is told of the session that steps up', async () => {
      const sessions: ReauthenticatedSession[] = [];
      app.users.reauthenticate = (async (_id: string, _proof: string, session: ReauthenticatedSession) => {
        sessions.push(session);
        return { ...ALICE, sessionTerms: { amr: [...session.amr, 'otp'], acr: 'aal2' } };
      }) as never;
      const { refreshToken, sessionId } = await signIn(app, { client_id: 'web' });
      const { body } = await stepUp(refreshToken);
      await stepUp(body.refresh_token);
      expect(sessions).toEqual([
        { sessionId, clientId: 'web', amr: ['pwd'], acr: undefined },
        { sessionId, clientId: 'web', amr: ['pwd', 'otp'], acr: 'aal2' },
      ]);
    });
  });
}

describe('a step-up by any proof', () => {
  onEveryDatabase({}, (host) => {
    const proofs: unknown[] = [];
    const takeProofs = () => {
      host().users.reauthenticate = (async (id: string, proof: { otp?: string }) => {
        proofs.push(proof);
        return proof.otp === '123456' ? { ...ALICE, id, sessionTerms: { amr: ['otp'], acr: 'aal2' } } : null;
      }) as never;
    };

    it('of a user without a password: the row has how, and when', async () => {
      const { service, module, clock } = host();
      takeProofs();
      const stepUp = module.get(StepUpService, { strict: false });
      const { refreshToken } = await service.issue(ALICE, { amr: ['hwk'], acr: 'aal1' });
      clock.advance(MINUTE);
      await expect(stepUp.stepUp(refreshToken, { otp: '000000' })).rejects.toMatchObject({
        code: 'invalid_credentials',
      });
      const { accessToken, refreshToken: next } = await stepUp.stepUp(refreshToken, { otp: '123456' });
      expect(proofs.splice(0)).toEqual([{ otp: '000000' }, { otp: '123456' }]);
      const expected = { amr: ['otp'], acr: 'aal2', auth_time: clock.now() / 1000 };
      expect(claimsOf(accessToken)).toMatchObject(expected);
      clock.advance(MINUTE);
      expect(claimsOf((await service.refresh(next)).accessToken)).toMatchObject(expected);
    });

    it('on a route with an access token, the session keeps its tokens and its class', async () => {
      const { service, module } = host();
      takeProofs();
      const { accessToken } = await service.issue(ALICE);
      const claims = claimsOf(accessToken);
      const user = { id: ALICE.id, sessionId: claims.sid, clientId: 'default', generation: 0 } as AuthenticatedUser;
      const stepUp = module.get(StepUpService, { strict: false });
      await expect(stepUp.reauthenticate(user, { otp: '123456' })).resolves.toMatchObject({ id: ALICE.id });
      await expect(stepUp.reauthenticate(user, { otp: '1' })).rejects.toMatchObject({ code: 'invalid_credentials' });
    });
  });
});

describe('@StepUp() refuses what it cannot ask for, when the class is loaded', () => {
  test.each([
    [{}, /asks for nothing/],
    [{ acr: [] }, /is empty/],
    [{ acr: 'two words' }, /without spaces/],
    [{ acr: 'quo"te' }, /without spaces/],
    [{ acr: 2 as never }, /list of strings/],
    [{ maxAge: 5 as never }, /maxAge is 5\. Write a number and a unit/],
    [{ maxAge: '5m', arc: 'aal2' } as never, /no option "arc"/],
    ['five minutes', /Write a number and a unit/],
    [undefined as never, /Write a number and a unit/],
  ])('%j', (required, message) => {
    expect(() => StepUp(required)).toThrow(message);
  });
});
