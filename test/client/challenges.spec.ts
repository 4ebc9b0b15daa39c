import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import axios from 'axios';
import type { Response as ExpressResponse } from 'express';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, signedIn } from '../support/clients.js';

let say: (response: ExpressResponse) => void;

/** The error format of a host. */
@Catch(HttpException)
class HostFilter implements ExceptionFilter {
  catch(exception: HttpException, host: ArgumentsHost) {
    say(host.switchToHttp().getResponse<ExpressResponse>().status(exception.getStatus()));
  }
}

describe('a client whose host has an error format of its own', () => {
  const app = listening('express', { controllers, providers: [{ provide: APP_FILTER, useClass: HostFilter }] });
  const expire = () => app.clock.advance(16 * MINUTE);

  const formats: [string, (response: ExpressResponse) => void][] = [
    [
      'JSON of its own',
      (response) => response.json({ statusCode: 401, message: 'Unauthorized', error: 'Unauthorized' }),
    ],
    ['a code that looks like ours', (response) => response.json({ error: 'unauthorized' })],
    ['a list', (response) => response.json([null])],
    ['HTML', (response) => response.send('<h1>Sorry</h1>')],
    ['JSON that is cut off', (response) => response.type('json').send('{"error":')],
    ['nothing', (response) => response.end()],
  ];

  test.each(formats)('is healed by the challenge where the body is %s', async (_, format) => {
    say = format;
    const client = await signedIn(app.url);
    const api = axios.create({ baseURL: app.url });
    interceptAxios(api, client);
    expire();
    expect((await client.fetch('/orders')).status).toBe(200);
    expire();
    expect((await api.get('/orders')).data).toEqual({ id: 'user-alice' });
    expect(client.count('/auth/refresh')).toBe(2);
  });

  test('is healed for HEAD, whose answers have no body', async () => {
    say = (response) => response.json({ error: 'token_expired' });
    const client = await signedIn(app.url);
    const api = axios.create({ baseURL: app.url });
    interceptAxios(api, client);
    expire();
    expect((await client.fetch('/orders', { method: 'HEAD' })).status).toBe(200);
    expire();
    expect((await client.fetch(new Request(`${app.url}/orders`, { method: 'HEAD' }))).status).toBe(200);
    expire();
    expect((await api.head('/orders')).status).toBe(200);
    expect(client.count('/auth/refresh')).toBe(3);
  });

  test('is told by one refresh that its session has ended', async () => {
    say = (response) => response.end();
    const client = await signedIn(app.url);
    const { sessionId } = (await client.user())!;
    await app.service.revoke(sessionId, 'ended_by_admin');
    expect((await client.fetch('/orders')).status).toBe(401);
    await expect.poll(() => client.changes.at(-1)).toBe('ended');
    expect(client.count('/orders')).toBe(1);
  });

  test('sees the other refusals, without a refresh', async () => {
    say = (response) => response.json({ message: 'no' });
    const client = await signedIn(app.url);
    expect((await client.fetch('/orders/all')).status).toBe(403);
    await client.logout();
    expect((await client.fetch('/orders')).status).toBe(401);
    expect(client.count('/auth/refresh')).toBe(0);
  });
});

describe('the challenge of a 401', () => {
  const app = listening('express', { controllers });

  test.each([
    ['Bearer realm="a, b", error="invalid_token", error_description="The token expired"', 1],
    ['Basic realm="x", Bearer error="invalid_token"', 1],
    ['bearer error=invalid_token', 1],
    ['DPoP algs="ES256", error="invalid_token"', 1],
    ['Bearer', 0],
    ['Bearer realm="error"', 0],
    ['Basic realm="Bearer error"', 0],
    ['Bearer error="insufficient_user_authentication", max_age="300"', 0],
    ['Negotiate', 0],
  ])('%s leads to %i refreshes', async (challenge, refreshes) => {
    const client = await signedIn(app.url, {
      network: async (input, init) =>
        String(input).endsWith('/orders')
          ? new Response('', { status: 401, headers: { 'www-authenticate': challenge } })
          : fetch(input, init),
    });
    expect((await client.fetch('/orders')).status).toBe(401);
    expect(client.count('/auth/refresh')).toBe(refreshes);
    expect(client.count('/orders')).toBe(refreshes + 1);
  });
});
