import { inspect } from 'node:util';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, signedIn } from '../support/clients.js';

describe('tokens', () => {
  const app = listening('express', { controllers });
  const seen: IncomingMessage[] = [];
  let server: Server;
  let canary: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request);
      if (request.url === '/elsewhere') response.writeHead(307, { location: `${app.url}/orders` }).end();
      else response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"token_expired"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    canary = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const took = () => seen.splice(0).map(({ headers }) => headers.authorization);

  test('are not sent to any other origin, and no 401 from there leads to a refresh', async () => {
    const client = await signedIn(app.url);
    const { port } = new URL(canary);
    await client.fetch(canary);
    await client.fetch(new URL('/orders', canary), { method: 'POST', body: 'x' });
    await client.fetch(new Request(canary));
    await client.fetch(`//127.0.0.1:${port}/`);
    await client.fetch(`http://user@127.0.0.1:${port}/?${app.url}`).catch(() => undefined);
    await client.fetch(`http://localhost:${port}/`).catch(() => undefined);
    const all = took();
    expect(all.length).toBeGreaterThanOrEqual(4);
    expect(all.every((authorization) => !authorization?.includes('Bearer'))).toBe(true);
    expect(client.count('/auth/refresh')).toBe(0);
  });

  test('go to the origins that are allowed', async () => {
    const client = await signedIn(app.url, { allowedOrigins: [canary] });
    await client.fetch(canary);
    expect(took()).toEqual([expect.stringMatching(/^Bearer ey/), expect.stringMatching(/^Bearer ey/)]);
    expect(client.count('/auth/refresh')).toBe(1);
  });

  test('are not carried along by a redirect to another origin', async () => {
    const client = await signedIn(app.url, {
      network: (input, init) => fetch(String(input).endsWith('/away') ? `${canary}/elsewhere` : input, init),
    });
    const response = await client.fetch('/away');
    // The canary, which stands in for the server here, was given one; where it sends us, none arrives.
    expect(response).toMatchObject({ redirected: true, status: 401 });
    expect(await response.json()).toMatchObject({ error: 'unauthorized' });
    took();
  });

  test('are nowhere to be seen', async () => {
    const client = await signedIn(app.url);
    app.clock.advance(16 * MINUTE);
    await client.fetch('/orders');
    const { store, ...shownOf } = client;
    const shown = inspect([shownOf, await client.user(), await client.sessions.list(), client.changes], {
      depth: null,
      showHidden: true,
    });
    expect(shown).not.toMatch(/eyJ|nrt_/);
    expect(store.session?.refreshToken).toMatch(/^nrt_/);
  });
});
