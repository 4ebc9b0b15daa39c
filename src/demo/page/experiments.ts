import type { AuthClient } from './client.js';
import { refusalOf } from './refusal.js';
import { askToStepUp } from './step-up.js';

/** What an experiment can do and tell. */
export interface Bench {
  client: AuthClient;
  /** One row: what was sent, what came back, and why. */
  tell(sent: string, received: string, why: string, good?: boolean): void;
  /** Waits so many milliseconds, visibly. */
  wait(milliseconds: number, what: string): Promise<void>;
}

export interface Experiment {
  id: string;
  title: string;
  about: string;
  /** Why it cannot be shown, where it cannot. */
  hindrance?(circumstances: Circumstances): string | undefined;
  run(bench: Bench): Promise<void>;
}

interface Loot {
  status: number;
  error?: string;
  fingerprint?: string;
}

const MANY = 20;

async function ask<T = void>(client: AuthClient, method: string, path: string, body?: object): Promise<T> {
  const init = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await client.fetch(`/laboratory${path}`, { method, ...init });
  if (!response.ok) throw new Error(await refusalOf(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const token = async (client: AuthClient) => (await ask<{ fingerprint: string }>(client, 'GET', '/token')).fingerprint;
const steal = async (client: AuthClient) => (await ask<{ fingerprint: string }>(client, 'POST', '/steal')).fingerprint;
const useStolen = (client: AuthClient, elsewhere: boolean) => ask<Loot>(client, 'POST', '/use-stolen', { elsewhere });
const told = ({ status, error, fingerprint }: Loot) => `${status}: ${error ?? `token ${fingerprint}`}`;

/** What the server was configured with. */
export interface Circumstances {
  /** Milliseconds for which a predecessor is answered again. */
  grace_ms: number;
  /** Whether refreshes are judged by rules. */
  rules: boolean;
}

export const circumstances = (client: AuthClient) => ask<Circumstances>(client, 'GET', '');
const grace = async (client: AuthClient) => (await circumstances(client)).grace_ms;
const needsGrace = ({ grace_ms }: Circumstances) =>
  grace_ms === 0 ? 'Not to be shown here: with REFRESH_GRACE=0 there is no window.' : undefined;
const needsRules = ({ rules }: Circumstances) =>
  rules ? undefined : 'Not to be shown here: with RISK_RULES=off nobody asks where you are.';
const succeeded = (answer: string) => answer.startsWith('200');

/** Refreshes, and says what came of it. */
async function refreshed(client: AuthClient): Promise<string> {
  try {
    await client.refresh();
    return (await client.user()) ? `200: token ${await token(client)}` : '401: invalid_grant';
  } catch (error) {
    return `refused: ${(error as { code: string }).code}`;
  }
}

const parallel: Experiment = {
  id: 'parallel',
  title: 'Refresh twenty times at once',
  about: 'Twenty tabs that know nothing of one another wake up with the same token.',
  hindrance: needsGrace,
  async run({ client, tell }) {
    // Past the client, which would send one.
    const answers = await Promise.all(Array.from({ length: MANY }, () => fetch('/auth/refresh', { method: 'POST' })));
    const good = answers.filter(({ ok }) => ok).length;
    for (const { body } of answers) void body?.cancel();
    tell(
      `POST /auth/refresh, ${MANY} times at once`,
      `${good} times 200`,
      good === MANY
        ? 'One of them took the token’s place; all others were given the very same successor. No twin, and nobody is logged out.'
        : `The other ${MANY - good} were refused: ${[...new Set(answers.filter(({ ok }) => !ok).map(({ status }) => status))].join(', ')}.`,
      good === MANY,
    );
    const next = await refreshed(client);
    const goesOn = succeeded(next);
    tell('POST /auth/refresh, once more', next, goesOn ? 'The session goes on as one.' : 'It was refused.', goesOn);
  },
};

const lost: Experiment = {
  id: 'lost',
  title: 'Lose a response, and retry',
  about: 'The server succeeds the token, and the answer is lost in a tunnel.',
  hindrance: needsGrace,
  async run({ client, tell }) {
    const before = await token(client);
    await ask(client, 'POST', '/lose-next-answer');
    tell(
      `POST /auth/refresh with token ${before}`,
      'half an answer, without the new token',
      'The server has rotated the token. The browser still has the old one.',
      false,
    );
    const again = await refreshed(client);
    tell(
      `POST /auth/refresh with token ${before}, by the client itself`,
      again,
      succeeded(again)
        ? 'The same token again, within the window: the server derives the same successor and hands it over.'
        : 'The same token again, and it was refused.',
      succeeded(again),
    );
  },
};

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
  async run({ client, tell }) {
    const stolen = await steal(client);
    tell('your cookie, copied', `token ${stolen}`, 'Somebody has read it from a backup of your disk.', false);
    await succeed(client, tell);
    const loot = await useStolen(client, false);
    const mine = await token(client);
    tell(
      `POST /auth/refresh with token ${stolen}, by the thief`,
      told(loot),
      loot.status !== 200
        ? 'Refused: the session is bound, and the copy came without what it is bound to.'
        : loot.fingerprint === mine
          ? 'The same successor that you have, and no twin of it: whoever refreshes next after the window, without the other, gives the theft away.'
          : 'Another token than yours.',
      loot.status !== 200 || loot.fingerprint === mine,
    );
  },
};

const tooLate: Experiment = {
  id: 'steal-too-late',
  title: 'Steal the token, use it too late',
  about: 'The same, but the copy is used after the window. It ends your session.',
  async run({ client, tell, wait }) {
    const stolen = await steal(client);
    tell('your cookie, copied', `token ${stolen}`, 'Somebody has read it from a backup of your disk.', false);
    await succeed(client, tell);
    await wait((await grace(client)) + 500, 'Until the window has closed');
    const loot = await useStolen(client, false);
    tell(
      `POST /auth/refresh with token ${stolen}, by the thief`,
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
  async run({ client, tell, wait }) {
    const stolen = await steal(client);
    tell('your cookie, copied', `token ${stolen}`, 'The copy is now on another device, in another country.', false);
    const loot = await useStolen(client, true);
    if (loot.status !== 200) {
      const why = 'The copy alone is not enough: the session is bound to this browser, or the place is too strange.';
      tell(`POST /auth/refresh with token ${stolen}, by the thief`, told(loot), why);
      const mine = await refreshed(client);
      tell('POST /auth/refresh, by you', mine, succeeded(mine) ? 'You notice nothing.' : 'You are refused, too.');
      return;
    }
    tell(
      `POST /auth/refresh with token ${stolen}, by the thief`,
      told(loot),
      'It was the live token. For now, the thief is in.',
      false,
    );
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

const role: Experiment = {
  id: 'role',
  title: 'Take a role away',
  about: 'You lose the role “user”, while your access token still names it. You get it back.',
  async run({ client, tell }) {
    const members = async () => (await client.fetch('/laboratory/members')).status;
    const before = await members();
    const had = before === 200;
    tell('GET /laboratory/members', String(before), had ? 'You have the role.' : 'You do not have the role.', had);
    await ask(client, 'DELETE', '/role');
    try {
      const without = await members();
      tell(
        'GET /laboratory/members, with the same access token',
        String(without),
        without === 403
          ? 'The token was refused as stale, though it has not expired; the client refreshed once, and the new one names no such role. You are still signed in.'
          : 'The change is not in force yet, or somebody has given the role back.',
        without === 403,
      );
    } finally {
      await ask(client, 'PUT', '/role');
    }
    const after = await members();
    const back = after === 200;
    tell('GET /laboratory/members', String(after), back ? 'Given back, and in force at once.' : 'Not back yet.', back);
  },
};

const country: Experiment = {
  id: 'country',
  title: 'Change country',
  about: 'You are in Germany, and a moment later in Japan. The server asks for your password.',
  hindrance: needsRules,
  async run({ client, tell }) {
    try {
      await ask(client, 'POST', '/travel', { country: 'DE' });
      const home = await refreshed(client);
      if (home.startsWith('refused')) await askToStepUp(client);
      const there = succeeded(home) ? 'This is where you are from now on.' : 'Refused: you may have come from too far.';
      tell('POST /auth/refresh, from Germany', home, there, succeeded(home));
      await ask(client, 'POST', '/travel', { country: 'JP' });
      const away = await refreshed(client);
      tell(
        'POST /auth/refresh, from Japan',
        away,
        away.includes('step_up_required')
          ? 'Nobody travels that fast: the rules want a step-up. The token was not consumed.'
          : 'The rules do not ask for a step-up.',
        false,
      );
      if (!away.includes('step_up_required')) return;
      const passed = await askToStepUp(client);
      tell(
        'POST /auth/step-up, with your password',
        passed ? `200: token ${await token(client)}` : 'not sent',
        passed ? 'It is you. The session goes on, in Japan.' : 'The session waits, and asks again at the next refresh.',
        passed,
      );
    } finally {
      await ask(client, 'POST', '/travel', {});
    }
  },
};

export const EXPERIMENTS: readonly Experiment[] = [parallel, lost, inTime, tooLate, elsewhere, role, country];
