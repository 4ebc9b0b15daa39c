import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Clock } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { listening, type ListeningSetup, signIn } from '../support/listening.js';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { send } from '../support/http.js';
import { ask, closed, openSocketIo, openWs, subscribe } from '../support/context-calls.js';
import { ClosedGateway, Gateway, GLOBAL, GraphqlResolver } from '../support/context-host.js';

const ws: ListeningSetup = {
  providers: [...GLOBAL, Gateway, ClosedGateway],
  configure: (app) => app.useWebSocketAdapter(new WsAdapter(app)),
};
const socketIo: ListeningSetup = { ...ws, configure: (app) => app.useWebSocketAdapter(new IoAdapter(app)) };

for (const adapter of ['express', 'fastify'] as const) {
  describe(`a gateway on the package ws (${adapter})`, () => {
    const app = listening(adapter, ws);

    test('lets a socket in by the token that it was opened with, and knows its user', async () => {
      const socket = await openWs(app.url, (await signIn(app)).accessToken, '/closed');
      expect(await ask(socket, 'mine')).toEqual({ id: 'user-alice' });
      socket.close();
    });

    test.each([
      ['no token', undefined, 'unauthorized'],
      ['a wrong one', 'junk', 'invalid_token'],
    ])('closes one with %s at once', async (_, token, reason) => {
      expect(await closed(await openWs(app.url, token, '/closed'))).toEqual({ code: 4401, reason });
    });

    test('closes the sockets of a session that is revoked, and no others', async () => {
      const [one, two] = [await signIn(app), await signIn(app)];
      const sockets = await Promise.all([one, one, two].map((of) => openWs(app.url, of.accessToken, '/closed')));
      for (const socket of sockets) expect(await ask(socket, 'mine')).toEqual({ id: 'user-alice' });
      const closing = sockets.slice(0, 2).map(closed);
      const logout = await send('POST', `${app.url}/auth/logout`, { body: { refresh_token: one.refreshToken } });
      expect(logout.status).toBe(204);
      expect(await Promise.all(closing)).toEqual(Array(2).fill({ code: 4401, reason: 'token_revoked' }));
      expect(await ask(sockets[2], 'mine')).toEqual({ id: 'user-alice' });
      sockets[2].close();
    });

    test('closes them with another code where a refresh is all it takes', async () => {
      const { accessToken, refreshToken } = await signIn(app, { username: 'bob' });
      const closing = closed(await openWs(app.url, accessToken, '/closed'));
      await app.service.permissionsChanged('user-bob');
      expect(await closing).toEqual({ code: 4403, reason: 'token_stale' });
      const fresh = (await app.service.refresh(refreshToken)).accessToken;
      const again = await openWs(app.url, fresh, '/closed');
      expect(await ask(again, 'mine')).toEqual({ id: 'user-bob' });
      again.close();
    });

    test('that admits nobody refuses every message', async () => {
      const socket = await openWs(app.url, (await signIn(app)).accessToken);
      expect(await ask(socket, 'mine')).toMatchObject({ error: 'unauthorized' });
      expect(await ask(socket, 'open')).toEqual({ id: null });
      socket.close();
    });
  });
}

describe('a gateway of socket.io', () => {
  const app = listening('express', socketIo);

  test('tells why it closes the sockets of a session that is revoked', async () => {
    const { accessToken, sessionId } = await signIn(app);
    const socket = await openSocketIo(app.url, accessToken, '/closed');
    const told = new Promise((resolve) => socket.once('exception', resolve));
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await app.service.revoke(sessionId, 'ended_by_admin');
    expect(await told).toMatchObject({ error: 'token_revoked' });
    expect(await gone).toBe('io server disconnect');
  });

  test('closes those too that it has let in by the guard of a message alone', async () => {
    const { accessToken, sessionId } = await signIn(app);
    const socket = await openSocketIo(app.url, accessToken);
    const answered = new Promise((resolve) => socket.once('mine', resolve));
    socket.emit('mine', {});
    await answered;
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await app.service.revoke(sessionId, 'ended_by_admin');
    expect(await gone).toBe('io server disconnect');
  });

  test('closes one without a token', async () => {
    const socket = await openSocketIo(app.url, undefined, '/closed').catch(() => undefined);
    await expect.poll(() => socket?.connected ?? false).toBe(false);
  });
});

describe('a GraphQL subscription', () => {
  const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    subscriptions: { 'graphql-ws': true },
  });
  const app = listening('express', { imports: [graphql], providers: [...GLOBAL, GraphqlResolver] });

  test('ends with its session', async () => {
    const { accessToken, sessionId } = await signIn(app);
    const { first, closed } = await subscribe(app.url, 'mine', accessToken, 'params');
    expect(first).toEqual({ id: 'user-alice' });
    await app.service.revoke(sessionId, 'ended_by_admin');
    expect(await closed).toMatchObject({ code: 4401, reason: 'token_revoked' });
  });
});

describe('a GraphQL subscription of Mercurius', () => {
  const graphql = GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    autoSchemaFile: true,
    subscription: {
      fullWsTransport: true,
      context: (socket: unknown, request: unknown) => ({ req: request, extra: { socket, request } }),
    },
  });
  const app = listening('fastify', { imports: [graphql], providers: [...GLOBAL, GraphqlResolver] });

  test('ends with its session', async () => {
    const { accessToken, sessionId } = await signIn(app);
    const { first, closed } = await subscribe(app.url, 'mine', accessToken, 'header');
    expect(first).toEqual({ id: 'user-alice' });
    await app.service.revoke(sessionId, 'ended_by_admin');
    expect(await closed).toMatchObject({ code: 4401, reason: 'token_revoked' });
  });
});

describe('a socket whose token expires', () => {
  const app = listening('express', { ...ws, clock: new Clock(), options: { accessToken: { ttl: '3s' } } });

  test('is closed', async () => {
    const closing = closed(await openWs(app.url, (await signIn(app)).accessToken, '/closed'));
    expect(await closing).toEqual({ code: 4403, reason: 'token_expired' });
  });
});

describe('two instances', () => {
  let database: TestDatabase;
  let apps: AuthApp[];
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    const start = () => createAuthApp('express', database, { ...ws, clock: new Clock() });
    apps = [await start(), await start()];
  });
  afterAll(async () => {
    await Promise.all((apps ?? []).map((app) => app.close()));
    await database?.drop();
  });

  test('a socket is closed on the one when its session is revoked on the other', async () => {
    const [one, other] = apps;
    const { accessToken, sessionId } = await signIn(one);
    const socket = await openWs(one.url, accessToken, '/closed');
    onTestFinished(() => socket.close());
    const closing = closed(socket);
    expect(await ask(socket, 'mine')).toEqual({ id: 'user-alice' });
    await other.service.revoke(sessionId, 'ended_by_admin');
    expect(await closing).toEqual({ code: 4401, reason: 'token_revoked' });
  });
});
