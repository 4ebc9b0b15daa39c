import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, Sse, UseGuards } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { ApolloClient } from '@apollo/client';
import type { Client as UrqlClient } from '@urql/core';
import { gql } from '@apollo/client';
import type { Client as SubscriptionClient } from 'graphql-ws';
import { JwtAuthGuard } from 'nestjs-refresh-token';
import type { AuthClient } from 'nestjs-refresh-token/client';
import { concat, NEVER, of } from 'rxjs';
import type { Socket } from 'socket.io-client';
import { dpop } from 'nestjs-refresh-token/client/dpop';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ClosedGateway, Gateway, GLOBAL, GraphqlResolver } from '../support/context-host.js';
import { exampleOf } from '../support/doc-example.js';
import { listening, MINUTE } from '../support/listening.js';
import { memoryKeys, signedIn, testClient } from '../support/clients.js';

const PAGE = 'docs/guides/client-with-other-libraries.md';

describe.each([false, true])('a gateway of socket.io, from the client (bound to a key: %s)', (isBound) => {
  const app = listening('express', {
    providers: [...GLOBAL, Gateway, ClosedGateway],
    configure: (nest) => nest.useWebSocketAdapter(new IoAdapter(nest)),
  });

  async function opened() {
    const { openSocket } = await exampleOf<{ openSocket(client: AuthClient, url: string): Socket }>(
      PAGE,
      'src/live.ts',
    );
    const client = await signedIn(app.url, { dpop: isBound && dpop(memoryKeys()) });
    const socket = openSocket(client, app.url);
    onTestFinished(() => void socket.disconnect());
    const mine = () =>
      new Promise((resolve) => {
        socket.once('mine', resolve);
        socket.once('exception', resolve);
        socket.emit('mine', {});
      });
    return { client, socket, mine };
  }

  test('lets the user in, and again with a new token once the connection is lost', async () => {
    const { client, socket, mine } = await opened();
    expect(await mine()).toEqual({ id: 'user-alice' });
    await client.refresh();
    socket.io.engine.close();
    expect(await mine()).toEqual({ id: 'user-alice' });
  });

  test('lets the user in again when permissions have changed', async () => {
    const { client, socket, mine } = await opened();
    expect(await mine()).toEqual({ id: 'user-alice' });
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await app.service.permissionsChanged('user-alice');
    await gone;
    const back = new Promise<void>((resolve) => socket.once('connect', resolve));
    await back;
    expect(await mine()).toEqual({ id: 'user-alice' });
    expect(client.count('/auth/refresh')).toBe(1);
  });

  test('does not open again once the session has ended', async () => {
    const { client, socket, mine } = await opened();
    expect(await mine()).toEqual({ id: 'user-alice' });
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await client.logout();
    expect(await gone).toBe('io server disconnect');
    expect(socket.active).toBe(false);
    expect(await client.getAccessToken()).toBeNull();
  });
});

describe.each([false, true])('GraphQL subscriptions, from the client (bound to a key: %s)', (isBound) => {
  const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    subscriptions: { 'graphql-ws': true },
  });
  const app = listening('express', { imports: [graphql], providers: [...GLOBAL, GraphqlResolver] });

  test('go on with a new token when permissions have changed, and end with the session', async () => {
    vi.stubGlobal('WebSocket', WebSocket);
    onTestFinished(() => void vi.unstubAllGlobals());
    const { subscriptionsFor } = await exampleOf<{
      subscriptionsFor(client: AuthClient, url: string): SubscriptionClient;
    }>(PAGE, 'src/subscriptions.ts');
    const client = await signedIn(app.url, { dpop: isBound && dpop(memoryKeys()) });
    const subscriptions = subscriptionsFor(client, `${app.url.replace('http', 'ws')}/graphql`);
    let connections = 0;
    subscriptions.on('connected', () => void connections++);
    const results: unknown[] = [];
    const ended = new Promise((resolve) => {
      subscriptions.subscribe(
        { query: 'subscription { mine { id } }' },
        { next: ({ data }) => void results.push(data), error: resolve, complete: () => resolve('complete') },
      );
    });
    await expect.poll(() => results[0]).toEqual({ mine: { id: 'user-alice' } });
    await app.service.permissionsChanged('user-alice');
    await expect.poll(() => connections).toBe(2);
    results.length = 0;
    await expect.poll(() => results[0]).toEqual({ mine: { id: 'user-alice' } });
    expect(client.count('/auth/refresh')).toBe(1);
    await app.service.revoke((await client.user())!.sessionId, 'ended_by_admin');
    expect(await ended).toMatchObject({ code: 4401 });
  });
});

describe('GraphQL queries, from the client', () => {
  const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true });
  const app = listening('express', { imports: [graphql], providers: [...GLOBAL, GraphqlResolver] });

  test('by Apollo Client and by urql, are healed', async () => {
    const { apolloFor } = await exampleOf<{ apolloFor(client: AuthClient, uri: string): ApolloClient }>(
      PAGE,
      'src/apollo.ts',
    );
    const { urqlFor } = await exampleOf<{ urqlFor(client: AuthClient, url: string): UrqlClient }>(PAGE, 'src/urql.ts');
    const client = await signedIn(app.url);
    const url = `${app.url}/graphql`;
    const [apollo, urql] = [apolloFor(client, url), urqlFor(client, url)];
    const query = '{ mine { id } }';
    const mine = { mine: { id: 'user-alice' } };
    app.clock.advance(16 * MINUTE);
    expect((await apollo.query({ query: gql(query) })).data).toMatchObject(mine);
    app.clock.advance(16 * MINUTE);
    expect((await urql.query(query, {}).toPromise()).data).toMatchObject(mine);
    expect(client.count('/auth/refresh')).toBe(2);
    apollo.stop();
  });
});

@UseGuards(JwtAuthGuard)
@Controller('news')
class NewsController {
  @Sse()
  news() {
    return concat(of({ id: '7', type: 'news', data: 'one' }), NEVER);
  }
}

describe('server-sent events, from the client', () => {
  const app = listening('express', { controllers: [NewsController] });
  interface ServerEvent {
    event?: string;
    id?: string;
    data: string;
  }
  const eventsOf = async (...given: [AuthClient, string, AbortSignal]) => {
    const example = await exampleOf<{ eventsOf(...given: unknown[]): AsyncGenerator<ServerEvent> }>(
      PAGE,
      'src/events.ts',
    );
    return example.eventsOf(...given);
  };

  test('go on with a new token when the server has ended the stream', async () => {
    const sent: (string | null)[] = [];
    const client = await signedIn(app.url, {
      network: (input, init) => {
        if (String(input).endsWith('/news')) sent.push(new Headers(init?.headers).get('last-event-id'));
        return fetch(input, init);
      },
    });
    const over = new AbortController();
    onTestFinished(() => over.abort());
    const events = await eventsOf(client, `${app.url}/news`, over.signal);
    const one = { event: 'news', id: '7', data: 'one' };
    expect((await events.next()).value).toEqual(one);
    const next = events.next();
    await app.service.permissionsChanged('user-alice');
    expect((await next).value).toEqual(one);
    expect(sent).toEqual([null, '7', '7']);
    expect(client.count('/auth/refresh')).toBe(1);
    over.abort();
    await expect(events.next()).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('are refused to a client without a session', async () => {
    const events = await eventsOf(testClient(app.url), `${app.url}/news`, new AbortController().signal);
    await expect(events.next()).rejects.toThrow('The stream was refused (401).');
  });
});
