import type { AuthClient } from './client.js';
import { ask, type Bench, type Experiment, grace, needsGrace, refreshed, succeeded, token } from './experiment.js';

interface Loot {
  status: number;
  error?: string;
  fingerprint?: string;
}

/** @returns the fingerprint of the stolen token */
async function steal({ client, tell }: Bench, why: string): Promise<string> {
  const { fingerprint } = await ask<{ fingerprint: string }>(client, 'POST', '/steal');
  tell('your cookie, copied', `token ${fingerprint}`, why, false);
  return fingerprint;
}

const FROM_A_BACKUP = 'Bad: a thief has read your cookie from a backup of your disk.';
const useStolen = (client: AuthClient, elsewhere: boolean) => ask<Loot>(client, 'POST', '/use-stolen', { elsewhere });
const byThief = (stolen: string) => `POST /auth/refresh with token ${stolen}, by the thief`;
const told = ({ status, error, fingerprint }: Loot) => `${status}: ${error ?? `token ${fingerprint}`}`;

/** Refreshes as the visitor, after the token was stolen. */
async function succeed(client: AuthClient, tell: Bench['tell']): Promise<void> {
  const mine = await refreshed(client);
  const good = succeeded(mine);
  tell(
    'POST /auth/refresh, by you',
    mine,
    good ? 'Good: you got a new token. The stolen copy is now an old one.' : 'Bad: your refresh was refused.',
    good,
  );
}

const inTime: Experiment = {
  id: 'steal-in-time',
  title: 'Steal the token, use it in time',
  about: 'A thief uses a copy of your token, within the grace window after your own refresh.',
  hindrance: needsGrace,
  async run(bench) {
    const { client, tell } = bench;
    const stolen = await steal(bench, FROM_A_BACKUP);
    await succeed(client, tell);
    const loot = await useStolen(client, false);
    const sent = byThief(stolen);
    if (loot.status !== 200) {
      tell(
        sent,
        told(loot),
        'Good: the thief was refused. The old token came without the secret that your session is bound to, so it was not you.',
      );
      const mine = await refreshed(client);
      const why = succeeded(mine)
        ? 'Good: you notice nothing.'
        : 'Good: the theft was noticed, and an alert was raised. Bad for you: the session has ended for both. Sign in again; the thief cannot.';
      tell('POST /auth/refresh, by you', mine, why);
      return;
    }
    const same = loot.fingerprint === (await token(client));
    const why = same
      ? 'Bad: the thief is in, with the same new token as you. Good: there is no second line of tokens. Once one of you refreshes, the other has an old token, and using it after the window reveals the theft. A client with keys reveals it sooner: see “A thief in lock-step”.'
      : 'Bad: the thief has a different token than you.';
    tell(sent, told(loot), why, same);
  },
};

const tooLate: Experiment = {
  id: 'steal-too-late',
  title: 'Steal the token, use it too late',
  about: 'The same, but the thief uses the copy after the grace window. That ends your session.',
  async run(bench) {
    const { client, tell, wait } = bench;
    const stolen = await steal(bench, FROM_A_BACKUP);
    await succeed(client, tell);
    await wait((await grace(client)) + 500, 'Waiting until the grace window has closed');
    const loot = await useStolen(client, false);
    tell(
      byThief(stolen),
      told(loot),
      loot.status === 200
        ? 'Bad: the server accepted the copy. The window was still open, or LATE_ANSWERS allows late answers without keys.'
        : 'Good: the thief was refused. The old token came after the window, or without the secret that your session is bound to.',
      loot.status !== 200,
    );
    const mine = await refreshed(client);
    tell(
      'POST /auth/refresh, by you',
      mine,
      succeeded(mine)
        ? 'Bad: your session continues, and the server did not notice the theft.'
        : 'Good: the theft was noticed, and an alert was raised. Bad for you: the session has ended for both. Sign in again; the thief cannot.',
      !succeeded(mine),
    );
  },
};

const elsewhere: Experiment = {
  id: 'steal-elsewhere',
  title: 'Steal the token, use it first, elsewhere',
  about: 'The thief refreshes before you do, from a different device. If your session is not bound, that ends it.',
  async run(bench) {
    const { client, tell, wait } = bench;
    const stolen = await steal(bench, 'Bad: the copy is now on a different device, in a different country.');
    const loot = await useStolen(client, true);
    if (loot.status !== 200) {
      const why = 'Good: the thief was refused. The session is bound to this browser, or a rule refused the place.';
      tell(byThief(stolen), told(loot), why);
      const mine = await refreshed(client);
      tell(
        'POST /auth/refresh, by you',
        mine,
        succeeded(mine) ? 'Good: you notice nothing.' : 'Bad for you: you are refused, too.',
      );
      return;
    }
    tell(byThief(stolen), told(loot), 'Bad: it was the live token, so the thief is in for now.', false);
    await wait((await grace(client)) + 500, 'Waiting until you come back');
    const mine = await refreshed(client);
    tell(
      'POST /auth/refresh, by you',
      mine,
      succeeded(mine)
        ? 'Bad: your session continues, and the server did not notice the theft.'
        : 'Good: the theft was noticed. Your token is now the old one and came after the window. Bad for you: the session has ended for both. Sign in again; the thief cannot.',
      !succeeded(mine),
    );
  },
};

export const THEFTS: readonly Experiment[] = [inTime, tooLate, elsewhere];
