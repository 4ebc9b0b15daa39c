// Refreshes its session again and again, until it is killed. It writes one letter for each step that it begins.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthClient } from 'nestjs-refresh-token/client.min.js';

const [baseUrl, folder, username, lockPort, pause, once] = process.argv.slice(2);
const path = join(folder, 'session.json');

const tell = (letter) => void writeSync(1, letter);

/** A file that only its user can read. A process that is killed leaves the old text or the new one, never half of it. */
const store = {
  async load() {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    return text && JSON.parse(text);
  },
  async save(session) {
    tell('w');
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, JSON.stringify(session), { mode: 0o600 });
    tell('n');
    await rename(draft, path);
    tell('s');
  },
  async clear() {
    tell('C');
    await rm(path, { force: true });
  },
  ...(lockPort !== '0' && { lock }),
};

/** One process at a time can listen on a port, and the operating system frees it when the process dies. */
async function lock(work) {
  let server = await listening();
  while (!server) {
    await sleep(2);
    server = await listening();
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}

function listening() {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port: Number(lockPort), host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

async function watchedFetch(...request) {
  tell('r');
  const response = await fetch(...request);
  tell('a');
  return response;
}

const client = createAuthClient({ baseUrl, store, fetch: watchedFetch });
client.onChange(({ type }) => type === 'ended' && tell('E'));

tell('b');
if (!(await store.load())) await client.login({ username, password: `${username}-password` });
do {
  await client.refresh().catch(() => tell('f'));
  tell('u');
  if (pause !== '0') await sleep(Number(pause) * (0.5 + Math.random()));
} while (!once);
client.close();
