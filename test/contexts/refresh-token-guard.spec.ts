import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { UseGuards } from '@nestjs/common';
import { GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { PresentedToken, Public, RefreshTokenGuard, RefreshTokenService } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { listening, signIn } from '../support/listening.js';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, send } from '../support/http.js';
import { GLOBAL } from '../support/context-host.js';

@Resolver()
class RenewResolver {
  constructor(private readonly refreshTokens: RefreshTokenService) {}

  @Query(() => String)
  unused() {
    return '';
  }

  @Public()
  @UseGuards(RefreshTokenGuard)
  @Mutation(() => String)
  async renew(@PresentedToken() token: string) {
    return (await this.refreshTokens.refresh(token)).accessToken;
  }
}

interface Renewed {
  data: { renew: string } | null;
  errors?: { extensions: { code: string } }[];
}

describe.each(adapters)('a GraphQL mutation that refreshes (%s)', (adapter) => {
  const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true });
  const app = listening(adapter, { imports: [graphql], providers: [...GLOBAL, RenewResolver] });
  const renew = async (headers = {}) => {
    const body = { query: 'mutation { renew }' };
    return (await send<Renewed>('POST', `${app.url}/graphql`, { headers, body })).body;
  };

  test('takes the refresh token from the cookie', async () => {
    const { refreshToken } = await signIn(app, { transport: 'cookie' });
    const { data } = await renew(cookieHeader(refreshToken));
    const me = await send('GET', `${app.url}/auth/me`, { headers: bearer(data!.renew) });
    expect(me).toMatchObject({ status: 200, body: { id: 'user-alice' } });
  });

  test('refuses invalid tokens, and requests that another site made the browser send', async () => {
    const { refreshToken, accessToken } = await signIn(app, { transport: 'cookie' });
    for (const [headers, code] of [
      [{}, 'refresh_token_missing'],
      [cookieHeader('junk'), 'invalid_grant'],
      [cookieHeader(accessToken), 'invalid_grant'],
      [{ ...cookieHeader(refreshToken), 'sec-fetch-site': 'cross-site' }, 'forbidden'],
    ] as const) {
      expect((await renew(headers)).errors?.[0].extensions.code).toBe(code);
    }
  });
});
