import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Args, GraphQLModule, Int, Mutation, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { cacheExchange, Client, fetchExchange } from '@urql/core';
import axios from 'axios';
import { type AuthenticatedUser, CurrentUser, Public } from 'nestjs-refresh-token';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { beforeEach, describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import type { Adapter } from '../support/auth-app.js';
import { GLOBAL } from '../support/context-host.js';
import { signedIn, type TestClient } from '../support/clients.js';

/** What mutations have done. */
const done: string[] = [];

@Resolver()
class OrdersResolver {
  @Query(() => String)
  me(@CurrentUser() { id }: AuthenticatedUser) {
    return id;
  }

  @Query(() => String, { nullable: true })
  maybeMe(@CurrentUser() { id }: AuthenticatedUser) {
    return id;
  }

  @Public()
  @Query(() => String)
  open() {
    return 'open';
  }

  @Mutation(() => Int)
  place(@Args('count', { type: () => Int }) count: number) {
    done.push('place');
    return count;
  }

  @Mutation(() => Int, { nullable: true })
  maybePlace(@Args('count', { type: () => Int }) count: number) {
    done.push('maybePlace');
    return count;
  }

  @Public()
  @Mutation(() => Int, { nullable: true })
  track() {
    done.push('track');
    return null;
  }
}

const drivers: [string, Adapter, () => ReturnType<typeof GraphQLModule.forRoot>][] = [
  [
    'Apollo on Express',
    'express',
    () =>
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        allowBatchedHttpRequests: true,
      }),
  ],
  [
    'Mercurius',
    'fastify',
    () =>
      GraphQLModule.forRoot<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        autoSchemaFile: true,
        allowBatchedQueries: true,
      }),
  ],
];

for (const [driver, adapter, module] of drivers) {
  describe(`a GraphQL client of a server with ${driver}`, () => {
    const app = listening(adapter, { imports: [module()], providers: [...GLOBAL, OrdersResolver] });
    const expire = () => app.clock.advance(16 * MINUTE);
    beforeEach(() => void done.splice(0));

    const post = async (client: TestClient, body: object, headers: Record<string, string> = {}) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
      const response = await client.fetch('/graphql', { ...init, body: JSON.stringify(body) });
      return (await response.json()) as { data?: unknown; errors?: { extensions?: { code?: string } }[] };
    };

    test('is Apollo Client, and is healed', async () => {
      const client = await signedIn(app.url);
      const apollo = new ApolloClient({
        link: new HttpLink({ uri: `${app.url}/graphql`, fetch: client.fetch }),
        cache: new InMemoryCache(),
      });
      expire();
      const me = gql`
        query Me {
          me
        }
      `;
      expect((await apollo.query({ query: me, fetchPolicy: 'no-cache' })).data).toEqual({ me: 'user-alice' });
      expire();
      const place = gql`
        mutation Place($count: Int!) {
          place(count: $count)
        }
      `;
      const placed = await apollo.mutate({ mutation: place, variables: { count: 2 } });
      expect(placed.data).toEqual({ place: 2 });
      expect(done).toEqual(['place']);
      expect(client.count('/auth/refresh')).toBe(2);
      await client.logout();
      const refused = await apollo.query({ query: me, fetchPolicy: 'no-cache' }).catch((error: unknown) => error);
      expect(CombinedGraphQLErrors.is(refused) && refused.errors[0].extensions?.code).toBe('unauthorized');
      apollo.stop();
    });

    test('is urql, and is healed', async () => {
      const client = await signedIn(app.url);
      const urql = new Client({
        url: `${app.url}/graphql`,
        exchanges: [cacheExchange, fetchExchange],
        fetch: client.fetch,
        preferGetMethod: false,
      });
      expire();
      expect((await urql.query('{ me }', {}).toPromise()).data).toEqual({ me: 'user-alice' });
      expire();
      expect((await urql.mutation('mutation { place(count: 3) }', {}).toPromise()).data).toEqual({ place: 3 });
      expect(done).toEqual(['place']);
      expect(client.count('/auth/refresh')).toBe(2);
    });

    test('is axios, and is healed', async () => {
      const client = await signedIn(app.url);
      const api = axios.create({ baseURL: app.url });
      interceptAxios(api, client);
      expire();
      const query = 'mutation { place(count: 1) }';
      expect((await api.post('/graphql', { query })).data).toEqual({ data: { place: 1 } });
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('is healed for a query, whatever its other fields have returned', async () => {
      const client = await signedIn(app.url);
      expire();
      expect(await post(client, { query: '{ open maybeMe me }' })).toEqual({
        data: { open: 'open', maybeMe: 'user-alice', me: 'user-alice' },
      });
      expire();
      expect(await post(client, { query: '{ open maybeMe }' })).toEqual({
        data: { open: 'open', maybeMe: 'user-alice' },
      });
      expire();
      const accept = { accept: 'application/graphql-response+json' };
      expect(await post(client, { query: '{ me }' }, accept)).toEqual({ data: { me: 'user-alice' } });
      expire();
      const batch = [{ query: '{ me }' }, { query: '{ open }' }];
      expect(await post(client, batch)).toEqual([{ data: { me: 'user-alice' } }, { data: { open: 'open' } }]);
      expire();
      const request = new Request(`${app.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"query":"{ me }"}',
      });
      expect(await (await client.fetch(request)).json()).toEqual({ data: { me: 'user-alice' } });
      expect(client.count('/auth/refresh')).toBe(5);
    });

    test.each([
      ['mutation { place(count: 1) }', ['place']],
      ['mutation Two($a: Int = 1) { maybePlace(count: $a) again: maybePlace(count: 2) }', ['maybePlace', 'maybePlace']],
      ['mutation { first: place(count: 1), maybePlace(count: 2) }', ['place', 'maybePlace']],
    ])('repeats %s, of which nothing was executed', async (query, all) => {
      const client = await signedIn(app.url);
      expire();
      expect((await post(client, { query })).errors).toBeUndefined();
      expect(done).toEqual(all);
    });

    test.each([
      ['mutation { track place(count: 1) }'],
      ['mutation { track maybePlace(count: 1) }'],
      ['mutation { maybePlace(count: 1) track place(count: 1) }'],
    ])('does not repeat %s, of which a part was executed; the next one succeeds', async (query) => {
      const client = await signedIn(app.url);
      expire();
      const { errors } = await post(client, { query });
      expect(errors?.[0].extensions?.code).toBe('token_expired');
      expect(done).toEqual(['track']);
      await expect.poll(() => client.changes.at(-1)).toBe('refreshed');
      expect((await post(client, { query: 'mutation { place(count: 1) }' })).errors).toBeUndefined();
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('is told when its session has ended', async () => {
      const client = await signedIn(app.url);
      const { sessionId } = (await client.user())!;
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect((await post(client, { query: '{ me }' })).errors?.[0].extensions?.code).toBe('token_revoked');
      await expect.poll(() => client.changes.at(-1)).toBe('ended');
    });
  });
}

describe('an answer that only looks like GraphQL', () => {
  const app = listening('express', {});
  const answer = { errors: [{ message: 'no', extensions: { code: 'token_expired' } }] };

  test.each([
    ['/orders', {}, 0],
    ['/graphqlike', {}, 0],
    ['/api/graphql', {}, 1],
    ['/graphql?a=b', {}, 1],
    ['/orders', { method: 'POST', body: '{"query":"{ me }"}' }, 1],
  ])('%s is read where a client of GraphQL asked', async (path, init, refreshes) => {
    const client = await signedIn(app.url, {
      network: async (input, given) =>
        String(input).includes('/auth/') ? fetch(input, given) : Response.json(answer, { status: 200 }),
    });
    expect(await (await client.fetch(path, init)).json()).toEqual(answer);
    expect(client.count('/auth/refresh')).toBe(refreshes);
  });

  test.each([400, 401, 500])('is healed with the status %i as well', async (status) => {
    let count = 0;
    const client = await signedIn(app.url, {
      network: async (input, given) => {
        if (String(input).includes('/auth/')) return fetch(input, given);
        return count++ ? Response.json({ data: { me: 1 } }) : Response.json(answer, { status });
      },
    });
    expect(await (await client.fetch('/graphql', { method: 'POST', body: '{}' })).json()).toEqual({ data: { me: 1 } });
  });
});
