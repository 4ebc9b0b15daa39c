import { describe, expect, test } from 'vitest';
import { refresh } from '../support/http.js';
import { listening, MINUTE } from '../http/listening.js';
import { ALICE, controllers, signedIn } from './clients.js';

describe('signing out', () => {
  const app = listening('express', { controllers });

  test('ends the session here and at the server', async () => {
    const client = await signedIn(app.url);
    const { refreshToken } = client.store.session!;
    await client.logout();
    expect(client.store.session).toBeUndefined();
    expect(client.changes).toEqual(['signed_in', 'signed_out']);
    expect(await client.user()).toBeNull();
    expect((await refresh(app.url, refreshToken)).status).toBe(401);
    await client.logout();
    await client.login(ALICE);
    expect((await client.fetch('/orders')).status).toBe(200);
  });

  test('everywhere ends the sessions on other devices', async () => {
    const [client, other] = [await signedIn(app.url), await signedIn(app.url)];
    app.clock.advance(16 * MINUTE);
    await client.logout({ everywhere: true });
    expect((await other.fetch('/orders')).status).toBe(401);
    await expect.poll(() => other.changes.at(-1)).toBe('ended');
  });

  test('takes effect at once, also while a refresh is under way, and whatever that one brings', async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    const client = await signedIn(app.url, {
      network: async (input, init) => {
        const response = await fetch(input, init);
        if (String(input).endsWith('/refresh')) await held;
        return response;
      },
    });
    const { refreshToken } = client.store.session!;
    const refreshing = client.refresh();
    await expect.poll(() => app.events.at(-1)?.type).toBe('refreshed');
    const leaving = client.logout();
    expect(await client.user()).toBeNull();
    go();
    await Promise.all([refreshing, leaving]);
    expect(client.changes).toEqual(['signed_in', 'signed_out']);
    expect(client.store.session).toBeUndefined();
    expect((await refresh(app.url, refreshToken)).status).toBe(401);
  });
});

describe('the list of sessions', () => {
  const app = listening('fastify', { controllers });

  test('shows all devices, and ends one, or all others', async () => {
    const laptop = await signedIn(app.url);
    const phone = await signedIn(app.url);
    const tablet = await signedIn(app.url);
    const list = await laptop.sessions.list();
    expect(list).toHaveLength(3);
    expect(list.filter(({ current }) => current)).toEqual([
      expect.objectContaining({ id: (await laptop.user())!.sessionId, clientId: 'default', ip: '127.0.0.1' }),
    ]);
    await laptop.sessions.end((await phone.user())!.sessionId);
    expect((await phone.fetch('/orders')).status).toBe(401);
    expect((await tablet.fetch('/orders')).status).toBe(200);
    await laptop.sessions.endOthers();
    expect((await tablet.fetch('/orders')).status).toBe(401);
    expect(await laptop.sessions.list()).toHaveLength(1);
    await expect(laptop.sessions.end('nobody’s')).rejects.toMatchObject({ code: 'not_found', status: 404 });
  });

  test('ends this one, too', async () => {
    const client = await signedIn(app.url);
    await client.sessions.end((await client.user())!.sessionId);
    expect(client.changes).toEqual(['signed_in', 'signed_out']);
    expect(client.store.session).toBeUndefined();
    expect(await client.user()).toBeNull();
  });
});
