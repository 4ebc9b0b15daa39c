import { Controller, Get, UseGuards } from '@nestjs/common';
import { JwtAuthGuard, RefreshTokenService, Scopes, ScopesGuard } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, login, refresh, send } from '../support/http.js';
import { claimsOf, listening, signIn } from '../support/listening.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' as const };

@Controller('reports')
@UseGuards(JwtAuthGuard, ScopesGuard)
class ReportsController {
  @Get()
  @Scopes('reports:read')
  read() {
    return {};
  }
}

/** The tokens that a session gets from then on: after a refresh, its repeat, and a step-up. */
async function laterTokens(url: string, refreshToken: string): Promise<AuthBody[]> {
  const refreshed = await refresh(url, refreshToken);
  const repeated = await refresh(url, refreshToken);
  const body = { password: ALICE.password, refresh_token: refreshed.body.refresh_token };
  const steppedUp = await send<AuthBody>('POST', `${url}/auth/step-up`, { body });
  const answers = [refreshed, repeated, steppedUp];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  return answers.map((answer) => answer.body);
}

for (const adapter of adapters) {
  describe.each([
    ['no scope', undefined],
    ['an empty list', []],
    ['one scope', ['reports:read']],
  ])(`a host that grants %s (${adapter})`, (_, scopes) => {
    const app = listening(adapter, { controllers: [ReportsController], options: { refreshToken: { scopes } } });

    // A client asks for rights that nobody has configured, and has them signed.
    test.each([
      'admin',
      'reports',
      'reports:read admin',
      'reports:readall',
      'REPORTS:READ',
      'constructor',
      '__proto__',
    ])('signs none for a login that asks for %s', async (scope) => {
      const answer = await login(app.url, { ...ALICE, scope });
      if (scopes?.length) return expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
      expect(answer).toMatchObject({ status: 200, body: { scope: '' } });
      expect(claimsOf(answer.body.access_token).scope).toBe('');
    });

    // The route of the host hands on what its client has asked for.
    test('signs none for the code of the host', async () => {
      const refreshTokens = app.module.get(RefreshTokenService);
      const issued = refreshTokens.issue({ id: 'user-alice', roles: ['user'] }, { scope: 'admin' });
      if (scopes?.length) return expect(issued).rejects.toMatchObject({ code: 'invalid_scope' });
      expect(claimsOf((await issued).accessToken).scope).toBe('');
    });

    // A session from before the host restricted its scopes keeps its stored scope, and has it signed again and again.
    test('signs no scope on that is not granted any more, and keeps the user signed in', async () => {
      const { sessionId, refreshToken } = await signIn(app);
      await app.dataSource.getRepository(RefreshToken).update(sessionId, { scope: 'admin reports:read' });
      const granted = scopes?.join(' ') ?? '';
      for (const { access_token: accessToken, scope } of await laterTokens(app.url, refreshToken)) {
        expect([scope, claimsOf(accessToken).scope]).toEqual([granted, granted]);
      }
    });

    // The scope is asked for where it is not read: at the refresh and at the step-up.
    test('adds none at a refresh or a step-up', async () => {
      const { refreshToken } = await signIn(app);
      const asking = { scope: 'reports:read admin' };
      const refreshed = await send<AuthBody>('POST', `${app.url}/auth/refresh`, {
        body: { refresh_token: refreshToken, ...asking },
      });
      const steppedUp = await send<AuthBody>('POST', `${app.url}/auth/step-up`, {
        body: { refresh_token: refreshed.body.refresh_token, password: ALICE.password, ...asking },
      });
      for (const { body } of [refreshed, steppedUp]) {
        expect([body.scope, claimsOf(body.access_token).scope]).toEqual(['', '']);
        const answer = await send('GET', `${app.url}/reports`, { headers: bearer(body.access_token) });
        expect(answer).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } });
      }
    });
  });
}
