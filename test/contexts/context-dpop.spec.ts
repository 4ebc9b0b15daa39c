import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule } from '@nestjs/graphql';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { firstValueFrom } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listening } from '../support/listening.js';
import type { AuthApp } from '../support/auth-app.js';
import { DpopClient, generateProofKey, hashOf } from '../support/dpop.js';
import { freePort } from '../support/free-port.js';
import { ALICE } from '../support/staff-host.js';
import { ask, closed, openSocketIo, openWs, subscribe } from '../support/context-calls.js';
import { ClosedGateway, Gateway, GLOBAL, GraphqlResolver, MessageController } from '../support/context-host.js';

const port = await freePort();

/** A session that is bound to a key, and how its access token is presented where a socket is opened at this path. */
async function bound(app: AuthApp, path: string) {
  const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
  const { access_token: accessToken, session_id: sessionId } = (await client.login(ALICE)).body;
  const present = async () => ({
    authorization: `DPoP ${accessToken}`,
    dpop: await client.proof('GET', path, { ath: hashOf(accessToken) }),
  });
  return { accessToken, sessionId, present };
}

describe('the access token of a session that is bound to a key', () => {
  describe('at a gateway on the package ws', () => {
    const app = listening('express', {
      providers: [...GLOBAL, ClosedGateway],
      configure: (nest) => nest.useWebSocketAdapter(new WsAdapter(nest)),
    });

    test('lets in with a proof, once; then no message needs another', async () => {
      const { present, sessionId } = await bound(app, '/closed');
      const headers = await present();
      const socket = await openWs(app.url, headers, '/closed');
      for (let message = 0; message < 2; message++) expect(await ask(socket, 'mine')).toEqual({ id: 'user-alice' });
      expect(await closed(await openWs(app.url, headers, '/closed'))).toEqual({
        code: 4403,
        reason: 'invalid_dpop_proof',
      });
      const closing = closed(socket);
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect(await closing).toEqual({ code: 4401, reason: 'token_revoked' });
    });

    test('does not let in as a bearer token, or with a proof for another path', async () => {
      const { accessToken, present } = await bound(app, '/other');
      expect(await closed(await openWs(app.url, accessToken, '/closed'))).toEqual({
        code: 4401,
        reason: 'invalid_token',
      });
      const elsewhere = await closed(await openWs(app.url, await present(), '/closed'));
      expect(elsewhere).toEqual({ code: 4403, reason: 'invalid_dpop_proof' });
    });
  });

  describe('at a gateway of socket.io', () => {
    const app = listening('express', {
      providers: [...GLOBAL, Gateway],
      configure: (nest) => nest.useWebSocketAdapter(new IoAdapter(nest)),
    });
    const answered = async (auth: Record<string, string>) => {
      const socket = await openSocketIo(app.url, auth);
      const answer = await new Promise((resolve) => {
        socket.once('mine', resolve);
        socket.once('exception', resolve);
        socket.emit('mine', {});
      });
      socket.disconnect();
      return answer;
    };

    test('lets in with a proof, and not without', async () => {
      const { accessToken, present } = await bound(app, '/socket.io/');
      expect(await answered(await present())).toEqual({ id: 'user-alice' });
      expect(await answered({ token: accessToken })).toMatchObject({ error: 'invalid_token' });
      expect(await answered({ authorization: `DPoP ${accessToken}` })).toMatchObject({ error: 'invalid_dpop_proof' });
    });
  });

  describe('at a GraphQL subscription', () => {
    const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      subscriptions: { 'graphql-ws': true },
    });
    const app = listening('express', { imports: [graphql], providers: [...GLOBAL, GraphqlResolver] });

    test('lets in with a proof, and not without', async () => {
      const { accessToken, present } = await bound(app, '/graphql');
      const { first, stop } = await subscribe(app.url, 'mine', await present(), 'params');
      expect(first).toEqual({ id: 'user-alice' });
      stop();
      const refused = await subscribe(app.url, 'mine', accessToken, 'params');
      expect(refused.first).toEqual({ error: 'invalid_token' });
      refused.stop();
    });
  });

  describe('at a microservice, where nothing is that a proof could be for', () => {
    const microservice = { transport: Transport.TCP as const, options: { host: '127.0.0.1', port } };
    const app = listening('express', {
      controllers: [MessageController],
      providers: GLOBAL,
      configure: (nest) => nest.connectMicroservice(microservice, { inheritAppConfig: true }),
    });

    test('is refused', async () => {
      await app.app.startAllMicroservices();
      const { accessToken, present } = await bound(app, '/');
      const client = ClientProxyFactory.create(microservice);
      onTestFinished(() => client.close());
      const call = (payload: object) => firstValueFrom(client.send('mine', payload));
      await expect(call({ access_token: accessToken })).rejects.toMatchObject({ error: 'invalid_token' });
      await expect(call(await present())).rejects.toMatchObject({ error: 'invalid_dpop_proof' });
    });
  });
});
