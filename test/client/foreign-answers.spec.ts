import { type CanActivate, HttpException, Injectable } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AuthExceptionFilter } from 'nestjs-refresh-token';
import { createAuthClient } from 'nestjs-refresh-token/client';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { listening } from '../support/listening.js';

let status: number | undefined;

@Injectable()
class HostGuard implements CanActivate {
  canActivate(): boolean {
    if (status === undefined) return true;
    throw new HttpException('no', status);
  }
}

/** A store, and whether the client has forgotten its session. */
function memory() {
  const kept: { session?: unknown } = {};
  return {
    kept,
    load: () => Promise.resolve(kept.session as never),
    save: (session: unknown) => Promise.resolve(void (kept.session = session)),
    clear: () => Promise.resolve(void delete kept.session),
  };
}

const answering = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });

describe.each(adapters)('the client of a host that throws (%s)', (adapter) => {
  const app = listening(adapter, {
    providers: [
      { provide: APP_GUARD, useClass: HostGuard },
      { provide: APP_FILTER, useClass: AuthExceptionFilter },
    ],
  });

  test.each([400, 401, 402, 403, 404, 409, 422])('is not signed out by %i at a refresh', async (code) => {
    const store = memory();
    const client = createAuthClient({ baseUrl: app.url, store });
    const changes: string[] = [];
    client.onChange(({ type }) => changes.push(type));
    try {
      await client.login({ username: 'alice', password: 'alice-password' });
      status = code;
      await expect(client.refresh()).rejects.toMatchObject({ name: 'AuthClientError' });
      status = undefined;
      expect(store.kept.session).toBeDefined();
      await client.refresh();
      expect(changes).toEqual(['signed_in', 'refreshed']);
    } finally {
      status = undefined;
      client.close();
    }
  });
});

/** Answers of hosts without our filter, and of what stands before them. */
const FOREIGN: [what: string, () => Response][] = [
  ['429 of Nest', () => answering(429, { statusCode: 429, message: 'ThrottlerException: Too Many Requests' })],
  ['403 of Nest', () => answering(403, { statusCode: 403, message: 'Forbidden resource', error: 'Forbidden' })],
  ['400 of Nest', () => answering(400, { statusCode: 400, message: ['x'], error: 'Bad Request' })],
  ['401 of Nest', () => answering(401, { statusCode: 401, message: 'Unauthorized' })],
  ['408 of Nest', () => answering(408, { statusCode: 408, message: 'Request Timeout' })],
  ['408 in a form like ours', () => answering(408, { error: 'invalid_grant' })],
  ['425 in a form like ours', () => answering(425, { error: 'invalid_grant' })],
  ['503 in a form like ours', () => answering(503, { error: 'invalid_grant' })],
  ['403 of a proxy', () => answering(403, '<h1>Forbidden</h1>', { 'content-type': 'text/html' })],
  ['400 that is empty', () => answering(400, '')],
  ['400 that is null', () => answering(400, 'null')],
  ['400 with an object as its error', () => answering(400, { error: { code: 'invalid_grant' } })],
  ['400 with a list as its error', () => answering(400, { error: ['invalid_grant'] })],
  ['200 in an envelope', () => answering(200, { data: { access_token: 'a' } })],
  ['200 that is empty', () => answering(200, '')],
];

describe('the client takes for unavailable, and stays signed in with', () => {
  const app = listening('express');

  test.each(FOREIGN)('%s', async (_, answer) => {
    const store = memory();
    let foreign = false;
    const client = createAuthClient({
      baseUrl: app.url,
      store,
      fetch: async (input, init) => {
        if (!foreign) return fetch(input, init);
        const response = answer();
        // It ends the attempts of one refresh.
        response.headers.set('retry-after', '3600');
        return response;
      },
    });
    const changes: string[] = [];
    client.onChange(({ type }) => changes.push(type));
    try {
      await client.login({ username: 'alice', password: 'alice-password' });
      foreign = true;
      const refused = { code: 'temporarily_unavailable', retryAfter: 300_000 };
      await expect(client.refresh()).rejects.toMatchObject(refused);
      foreign = false;
      expect(store.kept.session).toBeDefined();
      expect(changes).toEqual(['signed_in']);
      expect(client.state).toMatchObject({ status: 'signed_in', error: refused });
      // A refresh that somebody asks for does not wait.
      await client.refresh();
      expect(client.state).toMatchObject({ status: 'signed_in', error: null });
    } finally {
      client.close();
    }
  });

  test.each(['invalid_request', 'unauthorized', 'forbidden', 'not_found', 'refresh_token_missing'])(
    'a refusal that is not about the session it sent: %s',
    async (error) => {
      const store = memory();
      let foreign = false;
      const client = createAuthClient({
        baseUrl: app.url,
        store,
        fetch: async (input, init) => (foreign ? answering(400, { error }) : fetch(input, init)),
      });
      try {
        await client.login({ username: 'alice', password: 'alice-password' });
        foreign = true;
        await expect(client.refresh()).rejects.toMatchObject({ code: error });
        foreign = false;
        await client.refresh();
        expect(await client.user()).toMatchObject({ id: 'user-alice' });
      } finally {
        client.close();
      }
    },
  );
});
