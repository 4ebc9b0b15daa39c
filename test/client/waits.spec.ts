import { describe, it } from 'vitest';
import { listening, MINUTE, SECOND } from '../support/listening.js';
import { controllers, disturbedClient, signedIn } from '../support/clients.js';

/** Each waits for seconds, so all of them wait together. The clock of an application is moved by its own test alone. */
const WAITING = { concurrent: true };

describe('a session, over a slow network', WAITING, () => {
  const app = listening('express', { controllers });
  const expire = () => app.clock.advance(16 * MINUTE);

  it('survives answers that take 5 seconds each', async (test) => {
    const { expect } = test;
    let last = 0;
    const client = await disturbedClient(
      app.url,
      async (attempt, pass, signal) => {
        // The clock of the server goes as fast as this one.
        if (attempt > 1) app.clock.advance(Date.now() - last);
        last = Date.now();
        const response = await pass();
        const text = await response.text();
        await new Promise((resolve, reject) => {
          setTimeout(resolve, 5 * SECOND);
          signal?.addEventListener('abort', () => reject(new Error('aborted')));
        });
        return new Response(text, response);
      },
      { test },
    );
    expire();
    const from = app.events.length;
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(app.events.slice(from).map(({ type }) => type)).toEqual(['refreshed', 'refresh_repeated']);
    expire();
    last = Date.now();
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(client.changes).toEqual(['signed_in', 'refreshed', 'refreshed']);
  });
});

describe('a session, while nobody answers', WAITING, () => {
  const app = listening('express', { controllers });
  const expire = () => app.clock.advance(16 * MINUTE);

  it('survives a server that is away for longer than anybody waits', async (test) => {
    const { expect } = test;
    let away = true;
    const client = await disturbedClient(
      app.url,
      async (_, pass) => {
        if (away) throw new TypeError('offline');
        return pass();
      },
      { test },
    );
    expire();
    await expect(client.fetch('/orders')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    expect(client.count('/auth/refresh')).toBe(5);
    expect(client.changes).toEqual(['signed_in']);
    away = false;
    expect((await client.fetch('/orders')).status).toBe(200);
  });
});

describe('signing out, while nobody answers', WAITING, () => {
  const app = listening('express', { controllers });

  it('says so where the server cannot be told, and is out all the same', async (test) => {
    const { expect } = test;
    let away = false;
    const client = await signedIn(app.url, {
      test,
      network: (input, init) => (away ? Promise.reject(new TypeError('offline')) : fetch(input, init)),
    });
    away = true;
    await expect(client.logout()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    away = false;
    expect(client.store.session).toBeUndefined();
    expect(await client.user()).toBeNull();
  });
});

describe('an access token that is about to expire', WAITING, () => {
  const app = listening('express', { controllers, options: { accessToken: { ttl: '2s' } } });

  it('is renewed without being asked for, again and again', async (test) => {
    const { expect } = test;
    const client = await signedIn(app.url, { test });
    await expect.poll(() => client.count('/auth/refresh')).toBeGreaterThanOrEqual(3);
    expect(new Set(client.changes.slice(1))).toEqual(new Set(['refreshed']));
    client.close();
  });
});
