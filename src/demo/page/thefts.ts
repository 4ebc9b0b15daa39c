import type { AuthClient } from './client.js';
import { ask, type Bench, type Experiment, grace, needsGrace, refreshed, succeeded, token } from './experiment.js';

interface Loot {
  status: number;
  error?: string;
  fingerprint?: string;
}

/** @returns the fingerprint of what was stolen */
async function steal({ client, tell }: Bench, why: string): Promise<string> {
  const { fingerprint } = await ask<{ fingerprint: string }>(client, 'POST', '/steal');
  tell('your cookie, copied', `token ${fingerprint}`, why, false);
  return fingerprint;
}

const FROM_A_BACKUP = 'Somebody has read it from a backup of your disk.';
const useStolen = (client: AuthClient, elsewhere: boolean) => ask<Loot>(client, 'POST', '/use-stolen', { elsewhere });
const byThief = (stolen: string) => `POST /auth/refresh with token ${stolen}, by the thief`;
const told = ({ status, error, fingerprint }: Loot) => `${status}: ${error ?? `token ${fingerprint}`}`;

/** The visitor's own refresh, before which the token was stolen. */
async function succeed(client: AuthClient, tell: Bench['tell']): Promise<void> {
  const mine = await refreshed(client);
  const good = succeeded(mine);
  tell('POST /auth/refresh, by you', mine, good ? 'Your token has been succeeded.' : 'It was refused.', good);
}

const inTime: Experiment = {
  id: 'steal-in-time',
  title: 'Steal the token, use it in time',
  about: 'A copy of your token, used within the window after your own refresh.',
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
        'Refused: a predecessor, without what the session is bound to. It was not you who sent it.',
      );
      const mine = await refreshed(client);
      const why = succeeded(mine)
        ? 'You notice nothing.'
        : 'Your token was out, so the session has ended for both, and an alert was raised. Sign in again: the thief cannot.';
      tell('POST /auth/refresh, by you', mine, why);
      return;
    }
    const same = loot.fingerprint === (await token(client));
    const why = same
      ? 'The same successor that you have, and no second line of tokens. The next refresh after the window, by you or the thief, reveals the theft.'
      : 'Another token than yours.';
    tell(sent, told(loot), why, same);
  },
};

const tooLate: Experiment = {
  id: 'steal-too-late',
  title: 'Steal the token, use it too late',
  about: 'The same, but the copy is used after the window. It ends your session.',
  async run(bench) {
    const { client, tell, wait } = bench;
    const stolen = await steal(bench, FROM_A_BACKUP);
    await succeed(client, tell);
    await wait((await grace(client)) + 500, 'Until the window has closed');
    const loot = await useStolen(client, false);
    tell(
      byThief(stolen),
      told(loot),
      loot.status === 200
        ? 'The server took it: the window was still open.'
        : 'Refused: a predecessor after the window, or one without what its session is bound to.',
      loot.status !== 200,
    );
    const mine = await refreshed(client);
    tell(
      'POST /auth/refresh, by you',
      mine,
      succeeded(mine)
        ? 'Your session lives: the copy came without what it is bound to, or was not seen as one.'
        : 'Two parties held tokens of this session, so it has ended for both, and an alert was raised. Sign in again: the thief cannot.',
    );
  },
};

const elsewhere: Experiment = {
  id: 'steal-elsewhere',
  title: 'Steal the token, use it first, elsewhere',
  about: 'The thief refreshes before you do, from another device. It ends an unbound session.',
  async run(bench) {
    const { client, tell, wait } = bench;
    const stolen = await steal(bench, 'The copy is now on another device, in another country.');
    const loot = await useStolen(client, true);
    if (loot.status !== 200) {
      const why = 'The copy alone is not enough: the session is bound to this browser, or the place is too strange.';
      tell(byThief(stolen), told(loot), why);
      const mine = await refreshed(client);
      tell('POST /auth/refresh, by you', mine, succeeded(mine) ? 'You notice nothing.' : 'You are refused, too.');
      return;
    }
    tell(byThief(stolen), told(loot), 'It was the live token. For now, the thief is in.', false);
    await wait((await grace(client)) + 500, 'Until you come back');
    const mine = await refreshed(client);
    tell(
      'POST /auth/refresh, by you',
      mine,
      succeeded(mine)
        ? 'Your session goes on: the two tokens were not told apart.'
        : 'Yours is the predecessor now, after the window: the session ends for both.',
    );
  },
};

export const THEFTS: readonly Experiment[] = [inTime, tooLate, elsewhere];
