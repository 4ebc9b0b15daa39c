import { Body, Controller, Get, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  type AuthenticatedUser,
  CurrentUser,
  JwtAuthGuard,
  PresentedToken,
  Public,
  RefreshTokenGuard,
  RefreshTokenService,
} from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, refresh, send } from '../support/http.js';
import { listening, MINUTE, signIn } from '../support/listening.js';

/** What a host may build of the exported parts. */
@Controller('own')
class OwnController {
  constructor(private readonly refreshTokens: RefreshTokenService) {}

  @UseGuards(AuthGuard('nrt-jwt'))
  @Get('passport-jwt')
  passportJwt(@CurrentUser() user: AuthenticatedUser) {
    return user;
  }

  @UseGuards(AuthGuard('nrt-refresh-token'))
  @Post('passport-refresh')
  @HttpCode(200)
  async passportRefresh(@Req() { user }: { user: { refreshToken: string } }) {
    return { successor: (await this.refreshTokens.refresh(user.refreshToken)).refreshToken };
  }

  @UseGuards(RefreshTokenGuard)
  @Post('renew')
  @HttpCode(200)
  async renew(@PresentedToken() token: string) {
    return { successor: (await this.refreshTokens.refresh(token)).refreshToken };
  }
}

@Controller('guarded')
class GuardedController {
  @Get()
  guarded(@CurrentUser() user: AuthenticatedUser) {
    return { id: user.id };
  }

  @Public()
  @Get('open')
  open(@CurrentUser() user?: AuthenticatedUser) {
    return { user: user ?? null };
  }

  @Post()
  echo(@Body() body: object) {
    return body;
  }
}

@Public()
@Controller('open')
class OpenController {
  @Get()
  open() {
    return {};
  }
}

for (const adapter of adapters) {
  describe(`the Passport strategies (${adapter})`, () => {
    const app = listening(adapter, { controllers: [OwnController] });
    const passportJwt = (headers: Record<string, string>) => send('GET', `${app.url}/own/passport-jwt`, { headers });

    test('jwt finds the user in an access token', async () => {
      const { accessToken, sessionId } = await signIn(app);
      expect(await passportJwt(bearer(accessToken))).toMatchObject({
        status: 200,
        body: { id: 'user-alice', roles: ['user'], sessionId, clientId: 'default', generation: 0 },
      });
    });

    test('jwt refuses everything else', async () => {
      const { accessToken, refreshToken } = await signIn(app);
      for (const headers of [{}, bearer(refreshToken), bearer('a.b.c'), bearer(`${accessToken}x`)]) {
        expect((await passportJwt(headers)).status).toBe(401);
      }
      app.clock.advance(15 * MINUTE);
      expect(await passportJwt(bearer(accessToken))).toMatchObject({ status: 401, body: { error: 'token_expired' } });
    });
  });

  describe.each(['passport-refresh', 'renew'])(
    `a route of the host that takes the refresh token: %s (${adapter})`,
    (route) => {
      const app = listening(adapter, { controllers: [OwnController] });
      const renew = (request: Parameters<typeof send>[2]) =>
        send<{ successor: string }>('POST', `${app.url}/own/${route}`, request);

      test('gets the token from the body and from the cookie', async () => {
        const { refreshToken } = await signIn(app);
        const first = await renew({ body: { refresh_token: refreshToken } });
        expect(first.status).toBe(200);
        const second = await renew({ headers: cookieHeader(first.body.successor) });
        expect(second.status).toBe(200);
        expect((await refresh(app.url, second.body.successor)).status).toBe(200);
      });

      test('refuses what the library’s own route refuses, in the same words', async () => {
        const { refreshToken, accessToken } = await signIn(app);
        for (const request of [
          {},
          { body: { refresh_token: 7 } },
          { body: { refresh_token: accessToken } },
          { body: { refresh_token: refreshToken }, headers: cookieHeader(refreshToken) },
          { headers: { ...cookieHeader(refreshToken), 'sec-fetch-site': 'cross-site' } },
        ]) {
          const own = await renew(request);
          const { status, body } = await send('POST', `${app.url}/auth/refresh`, request);
          expect(own).toMatchObject({ status, body: body as object });
          expect([400, 401, 403]).toContain(own.status);
        }
        expect((await renew({ body: { refresh_token: refreshToken } })).status).toBe(200);
      });
    },
  );

  describe(`JwtAuthGuard for the whole application (${adapter})`, () => {
    const app = listening(adapter, {
      controllers: [GuardedController, OpenController],
      providers: [{ provide: APP_GUARD, useExisting: JwtAuthGuard }],
    });

    test('guards every route', async () => {
      const { accessToken } = await signIn(app);
      expect((await send('GET', `${app.url}/guarded`)).status).toBe(401);
      expect((await send('POST', `${app.url}/guarded`, { body: {} })).status).toBe(401);
      expect(await send('GET', `${app.url}/guarded`, { headers: bearer(accessToken) })).toMatchObject({
        status: 200,
        body: { id: 'user-alice' },
      });
    });

    test('but those that are @Public(), one by one or by their controller', async () => {
      expect((await send('GET', `${app.url}/guarded/open`)).body).toEqual({ user: null });
      expect((await send('GET', `${app.url}/open`)).status).toBe(200);
      expect((await send('GET', `${app.url}/open`, { headers: bearer('junk') })).status).toBe(200);
    });

    test('and leaves login, refresh and logout open', async () => {
      const { refreshToken } = await signIn(app);
      const successor = (await refresh(app.url, refreshToken)).body.refresh_token;
      const body = { refresh_token: successor };
      expect((await send('POST', `${app.url}/auth/logout`, { body })).status).toBe(204);
      expect((await send('GET', `${app.url}/auth/me`)).status).toBe(401);
    });
  });
}
