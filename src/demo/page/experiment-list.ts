import { ask, type Circumstances, type Experiment, needsGrace, refreshed, succeeded, token } from './experiment.js';
import { askToStepUp } from './step-up.js';
import { THEFTS } from './thefts.js';

const MANY = 20;

const needsRules = ({ rules }: Circumstances) =>
  rules
    ? undefined
    : 'Not to be shown here: with RISK_RULES=off nobody asks where you are, and with TRUST_PROXY or a fence nobody chooses it.';
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
        ? 'One of them took the token’s place; all others were given the very same successor. There is no second line of tokens, and nobody is logged out.'
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

export const EXPERIMENTS: readonly Experiment[] = [parallel, lost, ...THEFTS, role, country];
