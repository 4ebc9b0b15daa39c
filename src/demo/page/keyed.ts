import { ask, type Bench, type Experiment, grace, needsGrace, refreshed } from './experiment.js';

/** What a client with keys says about one use of its token. */
interface Use {
  idempotency_key: string;
  received_with?: { generation: number; keys: string[] };
}

interface Answer {
  status?: number;
  generation?: number;
  error?: string;
}

const newKey = () => crypto.randomUUID();

/** Not through the client of the page, which sends no keys. */
async function refreshWith(use: Use): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  try {
    const response = await fetch('/auth/refresh', { method: 'POST', headers, body: JSON.stringify(use) });
    return { status: response.status, ...((await response.json()) as Answer) };
  } catch {
    return { error: 'half a response, without the new token' };
  }
}

const told = ({ status, error, generation }: Answer) =>
  status === undefined ? error! : `${status}: ${error ?? `token of generation ${generation}`}`;
const short = (key: string) => key.slice(0, 8);
const sent = (key: string) => `POST /auth/refresh with the key ${short(key)}…`;

/** A first use. It brings the token that the experiment is about. */
async function begin({ client, tell }: Bench): Promise<{ generation: number; key: string } | undefined> {
  // Otherwise, the client of the page would take a cookie that is gone at its first refresh for one that was never kept.
  await refreshed(client);
  const key = newKey();
  const { status, error, generation } = await refreshWith({ idempotency_key: key });
  const good = status === 200;
  tell(
    sent(key),
    told({ status, error, generation }),
    good
      ? 'Good: a client with keys has a new token, and has stored the key with it.'
      : 'Bad: refused. This experiment does not work in a session that is bound to this browser.',
    good,
  );
  return good ? { generation: generation!, key } : undefined;
}

const killed: Experiment = {
  id: 'killed',
  title: 'Kill an app before it stores its token',
  about: 'An app refreshes with a key. It is killed before it gets the answer, and comes back after the grace window.',
  async run(bench) {
    const { client, tell, wait } = bench;
    const before = await begin(bench);
    if (!before) return;
    const key = newKey();
    const use = { idempotency_key: key, received_with: { generation: before.generation, keys: [before.key] } };
    await ask(client, 'POST', '/lose-next-answer');
    const lost = await refreshWith(use);
    tell(sent(key), told(lost), 'Bad: the server has replaced the token. The app has the old one, and the key.', false);
    await wait((await grace(client)) + 500, 'Waiting until the grace window has closed');
    const again = await refreshWith(use);
    const good = again.status === 200 && again.generation === before.generation + 1;
    tell(
      `${sent(key)} again`,
      told(again),
      good
        ? 'Good: it is the same use, and nobody has used its token. So the server sent the same successor again, after the window. The session continues.'
        : 'Bad: the same use was not answered with the same successor.',
      good,
    );
  },
};

const lockStep: Experiment = {
  id: 'lock-step',
  title: 'A thief in lock-step',
  about: 'A thief refreshes within the same grace window as you, so that nobody ever presents an old token.',
  hindrance: needsGrace,
  async run(bench) {
    const { client, tell } = bench;
    const before = await begin(bench);
    if (!before) return;
    await ask(client, 'POST', '/steal');
    const thief = await ask<Answer>(client, 'POST', '/use-stolen', { elsewhere: false });
    tell(
      'POST /auth/refresh with a key of the thief',
      told({ ...thief, generation: before.generation + 1 }),
      'Bad: a thief has copied your token, and has refreshed before you.',
      false,
    );
    const key = newKey();
    const mine = await refreshWith({
      idempotency_key: key,
      received_with: { generation: before.generation, keys: [before.key] },
    });
    tell(
      `${sent(key)}, by you`,
      told(mine),
      'Bad: you are within the window, so you and the thief have the same token. Without keys, nobody would notice.',
      false,
    );
    if (mine.status !== 200) return;
    const next = newKey();
    const ended = await refreshWith({
      idempotency_key: next,
      received_with: { generation: mine.generation!, keys: [key] },
    });
    const out = ended.status === 401;
    tell(
      `${sent(next)}, by you; your token came with the key ${short(key)}…`,
      told(ended),
      out
        ? 'Good: the thief is out. You say which key brought your token, and the server gave it to another key, too. Bad for you: the session has ended for both. Sign in again; the thief cannot.'
        : 'Bad: the thief is still in.',
      out,
    );
    // The page learns it, too.
    await refreshed(client);
  },
};

/** What keys and claims are good for. */
export const KEYED: readonly Experiment[] = [killed, lockStep];
