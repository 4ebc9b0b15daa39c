/**
 * A user's day, told by the client on whatever platform runs this file: it imports nothing, and uses what all have. The
 * server of `test/support/platforms.ts` belongs to it.
 *
 * @param {(options: object) => import('nestjs-refresh-token/client').AuthClient} createAuthClient
 * @param {{ baseUrl: string, canary: string, store: object | undefined }} setting `canary` is a server of another origin
 * @returns what happened, as JSON can say it
 */
export async function liveThrough(createAuthClient, { baseUrl, canary, store }) {
  const client = createAuthClient({ baseUrl, store });
  const changes = [];
  client.onChange(({ type }) => changes.push(type));
  const status = async (...request) => (await client.fetch(...request)).status;
  const codeOf = (failing) =>
    failing.then(
      () => 'nothing failed',
      // The `code` of a DOMException is a number.
      (error) => (typeof error.code === 'string' ? error.code : error.name),
    );
  const headers = { 'content-type': 'application/json' };
  const aborted = new AbortController();
  aborted.abort();

  const story = {
    before: await client.user(),
    wrongPassword: await codeOf(client.login({ username: 'alice', password: 'wrong' })),
  };
  await client.login({ username: 'alice', password: 'alice-password' });
  story.user = (await client.user()).id;
  story.read = await status('/orders');
  story.written = await (await client.fetch('/orders', { method: 'POST', headers, body: '{"of":["tea"]}' })).json();
  story.expired = await status('/expire', { method: 'POST' });
  story.healed = await Promise.all([status('/orders'), status('/orders'), status('orders')]);
  await client.refresh();
  await client.fetch(canary);
  await client.fetch(canary.replace('http://', 'http://127.0.0.1@')).catch(() => undefined);
  story.aborted = await codeOf(client.fetch('/orders', { signal: aborted.signal }));
  story.sessions = (await client.sessions.list()).filter(({ current }) => current).length;
  story.stored = !store || Boolean(await store.load());
  await client.logout();
  story.after = await client.user();
  story.emptied = !store || !(await store.load());
  story.refused = await status('/orders');
  // Listeners are called after what they are told of.
  await new Promise((resolve) => setTimeout(resolve, 0));
  story.changes = changes;
  client.close();
  return story;
}

/** A store in memory, for platforms on which that is all there is. */
export function memoryStore() {
  let kept;
  return {
    load: async () => (kept ? JSON.parse(kept) : null),
    save: async (session) => void (kept = JSON.stringify(session)),
    clear: async () => void (kept = undefined),
  };
}
