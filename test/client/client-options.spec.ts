import { type AuthClientOptions, createAuthClient } from 'nestjs-refresh-token/client';
import { describe, expect, test } from 'vitest';
import { listening } from '../support/listening.js';
import { MemoryStore, signedIn } from '../support/clients.js';

const store = new MemoryStore();

describe('a configuration that makes no sense', () => {
  test.each<[AuthClientOptions, RegExp]>([
    [{ store }, /^baseUrl must be a whole URL/],
    [{ store, baseUrl: '/api' }, /^baseUrl/],
    [{ store, baseUrl: 'file:///srv/api' }, /^baseUrl/],
    [{ store, baseUrl: 'api.example:443' }, /^baseUrl/],
    [{ store, baseUrl: 'https://api.example', allowedOrigins: ['api.example'] }, /^allowedOrigins has 'api.example'/],
    [{ store, baseUrl: 'https://api.example', allowedOrigins: ['https://a.example/'] }, /^allowedOrigins has/],
    [{ store, baseUrl: 'https://api.example', allowedOrigins: ['*'] }, /^allowedOrigins has '\*'/],
    [{ store, baseUrl: 'https://api.example', allowedOrigins: ['https://a.example:443'] }, /^allowedOrigins has/],
    [{ store, baseUrl: 'https://api.example', timeout: 0 }, /^timeout must be/],
    [{ store, baseUrl: 'https://api.example', timeout: Infinity }, /^timeout must be/],
  ])('%o is refused, with what to write', (options, message) => {
    expect(() => createAuthClient(options)).toThrow(
      expect.objectContaining({ code: 'invalid_configuration', message: expect.stringMatching(message) as string }),
    );
  });
});

describe('a module that a server imports while it renders', () => {
  test.each<AuthClientOptions>([{}, { baseUrl: 'https://api.example' }])('may create a client: %o', async (options) => {
    const client = createAuthClient(options);
    expect(client.state).toEqual({ status: 'unknown', user: null, isRefreshing: false, error: null });
    client.subscribe(() => {})();
    const refused = { code: 'invalid_configuration', message: expect.stringMatching(/^store is missing/) as string };
    for (const ask of [
      () => client.login({ username: 'alice', password: 'alice-password' }),
      () => client.user(),
      () => client.fetch('https://api.example/orders'),
      () => client.getAccessToken(),
      () => client.refresh(),
      () => client.sessions.list(),
    ]) {
      await expect(ask()).rejects.toMatchObject(refused);
    }
    client.close();
  });
});

describe('a server below a path', () => {
  const app = listening('express', { configure: (nest) => nest.setGlobalPrefix('api/v1') });

  test.each(['/api/v1', '/api/v1/'])('is found at %s', async (path) => {
    const client = await signedIn(app.url + path);
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
    expect((await client.fetch('auth/me')).status).toBe(200);
    expect((await client.fetch('/api/v1/auth/me')).status).toBe(200);
    expect(client.exchanges[0].path).toBe('/api/v1/auth/login');
  });

  test('has its routes where the host has put them', async () => {
    const client = await signedIn(app.url, { authPath: 'api/v1/auth' });
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
  });
});
