import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import type { INestApplication } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { AccessTokenService, ImpersonationService } from 'nestjs-refresh-token';
import { firstValueFrom } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { listening, type ListeningSetup, MINUTE, signIn } from '../support/listening.js';
import type { Adapter } from '../support/auth-app.js';
import { freePort } from '../support/free-port.js';
import { bySubscription, type Call, overGraphql, overHttp, overSocketIo } from '../support/context-calls.js';
import { Gateway, GLOBAL, GraphqlResolver, HttpController, MessageController } from '../support/context-host.js';

const apollo = () =>
  GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    subscriptions: { 'graphql-ws': true },
  });
const mercurius = () =>
  GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    autoSchemaFile: true,
    subscription: {
      fullWsTransport: true,
      context: (socket: unknown, request: unknown) => ({ req: request, extra: { socket, request } }),
    },
  });
const resolver = [...GLOBAL, GraphqlResolver];

const port = await freePort();
const overTcp: Call = async (_url, operation, token) => {
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  try {
    return await firstValueFrom(client.send(operation, token === undefined ? {} : { access_token: token }));
  } catch (refusal) {
    return refusal as { error: string };
  } finally {
    await client.close();
  }
};

interface Context {
  context: string;
  adapter: Adapter;
  setup: ListeningSetup;
  call: Call;
  /** The servers next to the HTTP server. */
  start?: (app: INestApplication) => Promise<unknown>;
}

const contexts: Context[] = [
  ...(['express', 'fastify'] as const).map((adapter) => ({
    context: `HTTP on ${adapter}`,
    adapter,
    setup: { controllers: [HttpController], providers: GLOBAL },
    call: overHttp,
  })),
  ...(['express', 'fastify'] as const).map((adapter) => ({
    context: `GraphQL by Apollo on ${adapter}`,
    adapter,
    setup: { imports: [apollo()], providers: resolver },
    call: overGraphql,
  })),
  {
    context: 'GraphQL by Mercurius',
    adapter: 'fastify',
    setup: { imports: [mercurius()], providers: resolver },
    call: overGraphql,
  },
  ...(
    [
      ['params', 'express'],
      ['header', 'fastify'],
    ] as const
  ).map(([place, adapter]) => ({
    context: `GraphQL subscriptions by Apollo on ${adapter}, the token in the ${place}`,
    adapter,
    setup: { imports: [apollo()], providers: resolver },
    call: bySubscription(place),
  })),
  {
    context: 'GraphQL subscriptions by Mercurius, the token in the header',
    adapter: 'fastify',
    setup: { imports: [mercurius()], providers: resolver },
    call: bySubscription('header'),
  },
  ...(['express', 'fastify'] as const).map((adapter) => ({
    context: `a gateway of socket.io on ${adapter}`,
    adapter,
    setup: {
      providers: [...GLOBAL, Gateway],
      configure: (app: INestApplication) => app.useWebSocketAdapter(new IoAdapter(app)),
    },
    call: overSocketIo,
  })),
  {
    context: 'a microservice by TCP',
    adapter: 'express',
    setup: {
      controllers: [MessageController],
      providers: GLOBAL,
      configure: (app) => {
        const options = { transport: Transport.TCP, options: { host: '127.0.0.1', port } };
        app.connectMicroservice(options, { inheritAppConfig: true });
      },
    },
    call: overTcp,
    start: (app) => app.startAllMicroservices(),
  },
];

describe.each(contexts)('the guards, for the whole application, in $context', ({ adapter, setup, call, start }) => {
  const app = listening(adapter, { ...setup, options: { refreshToken: { scopes: ['reports:read', 'reports'] } } });
  let started: Promise<unknown> | undefined;
  const ask: Call = async (url, operation, token) => {
    await (started ??= start?.(app.app));
    return call(url, operation, token);
  };

  test('let the user pass, and tell the handler who it is', async () => {
    const { accessToken } = await signIn(app);
    expect(await ask(app.url, 'mine', accessToken)).toMatchObject({ id: 'user-alice' });
    const admin = await signIn(app, { username: 'admin' });
    expect(await ask(app.url, 'mine', admin.accessToken)).toMatchObject({ id: 'user-admin' });
  });

  test('refuse who has no access token, a wrong one, or a refresh token', async () => {
    const { refreshToken, accessToken } = await signIn(app);
    expect(await ask(app.url, 'mine')).toMatchObject({ error: 'unauthorized' });
    for (const token of ['junk', refreshToken, `${accessToken}x`]) {
      expect(await ask(app.url, 'mine', token)).toMatchObject({ error: 'invalid_token' });
    }
  });

  test('refuse a token that has expired, or whose session has ended or has other permissions now', async () => {
    const { accessToken, sessionId } = await signIn(app);
    await app.service.permissionsChanged('user-alice');
    expect(await ask(app.url, 'mine', accessToken)).toMatchObject({ error: 'token_stale' });
    await app.service.revoke(sessionId, 'logout');
    expect(await ask(app.url, 'mine', accessToken)).toMatchObject({ error: 'token_revoked' });
    const other = await signIn(app);
    app.clock.advance(15 * MINUTE);
    expect(await ask(app.url, 'mine', other.accessToken)).toMatchObject({ error: 'token_expired' });
  });

  test('ask for the role', async () => {
    const [alice, admin] = [await signIn(app), await signIn(app, { username: 'admin' })];
    expect(await ask(app.url, 'admins', alice.accessToken)).toMatchObject({ error: 'forbidden' });
    expect(await ask(app.url, 'admins', admin.accessToken)).toMatchObject({ id: 'user-admin' });
  });

  test('ask for the scope', async () => {
    const asking = async (scope: string) => ask(app.url, 'scoped', (await signIn(app, { scope })).accessToken);
    expect(await asking('reports')).toMatchObject({ error: 'insufficient_scope' });
    expect(await asking('reports reports:read')).toMatchObject({ id: 'user-alice' });
  });

  test('ask for the permission', async () => {
    const [alice, admin] = [await signIn(app), await signIn(app, { username: 'admin' })];
    expect(await ask(app.url, 'permitted', alice.accessToken)).toMatchObject({ error: 'forbidden' });
    expect(await ask(app.url, 'permitted', admin.accessToken)).toMatchObject({ id: 'user-admin' });
  });

  test('keep an administrator who acts as the user from what is the user’s alone', async () => {
    const { accessToken } = await signIn(app, { username: 'admin' });
    const admin = app.module.get(AccessTokenService).verify(accessToken);
    const impersonated = await app.module.get(ImpersonationService).begin(admin, 'user-alice');
    expect(await ask(app.url, 'mine', impersonated.accessToken)).toMatchObject({ id: 'user-alice' });
    expect(await ask(app.url, 'personal', impersonated.accessToken)).toMatchObject({ error: 'forbidden' });
    expect(await ask(app.url, 'personal', (await signIn(app)).accessToken)).toMatchObject({ id: 'user-alice' });
  });

  test('leave open what is @Public()', async () => {
    expect(await ask(app.url, 'open')).toMatchObject({ id: null });
    expect(await ask(app.url, 'open', 'junk')).toMatchObject({ id: null });
  });
});
