import { createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { type AuthClient, type AuthClientUser, createAuthClient } from 'nestjs-refresh-token/client';
import { AuthProvider, useAuth, useUser } from 'nestjs-refresh-token/react';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { signedIn } from '../support/clients.js';
import { listening } from '../support/listening.js';

function Account(): ReactNode {
  const { status, user } = useAuth();
  return `${status} ${user?.id ?? '-'}`;
}

const rendered = (client: AuthClient) =>
  renderToString(createElement(AuthProvider, { client }, createElement(Account)));

describe('the client in React on a server', () => {
  const app = listening('express');

  test('of a module renders, and does nothing else', async () => {
    const client = createAuthClient();
    expect(rendered(client)).toBe('unknown -');
    await expect(client.logout()).rejects.toMatchObject({ code: 'invalid_configuration' });
    expect(client.state.status).toBe('unknown');
  });

  test('shows nobody, not even a user whom the client knows: pages go to many visitors', async () => {
    const client = await signedIn(app.url);
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
    expect(rendered(client)).toBe('unknown -');
  });

  test('says what to do where there is no provider', () => {
    expect(() => renderToString(createElement(Account))).toThrow(
      expect.objectContaining({
        code: 'invalid_configuration',
        message: expect.stringContaining('<AuthProvider client={client}>') as string,
      }),
    );
  });

  test('needs no provider if a hook is given its client, whose user it infers', () => {
    const client = createAuthClient<{ email: string }>();
    function Mail(): ReactNode {
      const user = useUser(client);
      expectTypeOf(user).toEqualTypeOf<(AuthClientUser & { email: string }) | null>();
      expectTypeOf(useAuth(client).client).toEqualTypeOf(client);
      expectTypeOf(useUser<{ email: string }>)
        .returns.extract<object>()
        .toHaveProperty('email');
      expectTypeOf(useUser()).toEqualTypeOf<AuthClientUser | null>();
      return user?.email ?? 'nobody';
    }
    const app = createElement(AuthProvider, { client }, createElement(Mail));
    expect(renderToString(app)).toBe('nobody');
  });
});
