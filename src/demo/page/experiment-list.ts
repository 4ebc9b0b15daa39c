import { ask, type Circumstances, type Experiment, needsGrace, refreshed, succeeded, token } from './experiment.js';
import { GUESSES } from './guesses.js';
import { KEYED } from './keyed.js';
import { askToStepUp } from './step-up.js';
import { THEFTS } from './thefts.js';

const MANY = 20;

const needsRules = ({ rules }: Circumstances) =>
  rules
    ? undefined
    : 'Not available here. With RISK_RULES=off no rule checks where you are. With TRUST_PROXY or a geofence you cannot choose where you are.';
const parallel: Experiment = {
  id: 'parallel',
  title: 'Refresh twenty times at once',
  about: 'Twenty tabs wake up with the same refresh token, and do not know of each other.',
  hindrance: needsGrace,
  async run({ client, tell }) {
    // Not through the client, which would send one request.
    const answers = await Promise.all(Array.from({ length: MANY }, () => fetch('/auth/refresh', { method: 'POST' })));
    const good = answers.filter(({ ok }) => ok).length;
    for (const { body } of answers) void body?.cancel();
    tell(
      `POST /auth/refresh, ${MANY} times at once`,
      `${good} times 200`,
      good === MANY
        ? 'Good: one request replaced the token, and all others got the same new token. There is no second line of tokens, and nobody is signed out.'
        : `Bad: the other ${MANY - good} were refused: ${[...new Set(answers.filter(({ ok }) => !ok).map(({ status }) => status))].join(', ')}.`,
      good === MANY,
    );
    const next = await refreshed(client);
    const goesOn = succeeded(next);
    tell(
      'POST /auth/refresh, once more',
      next,
      goesOn ? 'Good: the session continues with one token.' : 'Bad: the refresh was refused.',
      goesOn,
    );
  },
};

const lost: Experiment = {
  id: 'lost',
  title: 'Lose a response, and retry',
  about: 'The server replaces the token, but the response is lost on the way, for example in a tunnel.',
  hindrance: needsGrace,
  async run({ client, tell }) {
    const before = await token(client);
    await ask(client, 'POST', '/lose-next-answer');
    tell(
      `POST /auth/refresh with token ${before}`,
      'half a response, without the new token',
      'Bad: the server has replaced the token, but the browser still has the old one.',
      false,
    );
    const again = await refreshed(client);
    tell(
      `POST /auth/refresh with token ${before}, repeated by the client`,
      again,
      succeeded(again)
        ? 'Good: the old token came again within the grace window, so the server sent the same new token again. You stay signed in.'
        : 'Bad: the old token came again, and was refused.',
      succeeded(again),
    );
  },
};

const role: Experiment = {
  id: 'role',
  title: 'Take a role away',
  about: 'You lose the role “user”, while your access token still contains it. Then you get it back.',
  async run({ client, tell }) {
    const members = async () => (await client.fetch('/laboratory/members')).status;
    const before = await members();
    const had = before === 200;
    tell(
      'GET /laboratory/members',
      String(before),
      had ? 'Good: you have the role.' : 'Bad: you do not have the role.',
      had,
    );
    await ask(client, 'DELETE', '/role');
    try {
      const without = await members();
      tell(
        'GET /laboratory/members, with the same access token',
        String(without),
        without === 403
          ? 'Good: the change took effect at once. The server refused the old access token as stale, and the client refreshed once. The new token lacks the role. You are still signed in.'
          : 'Bad: the change has not taken effect yet, or an administrator has given the role back.',
        without === 403,
      );
    } finally {
      await ask(client, 'PUT', '/role');
    }
    const after = await members();
    const back = after === 200;
    tell(
      'GET /laboratory/members',
      String(after),
      back ? 'Good: you have the role again, at once.' : 'Bad: you do not have the role yet.',
      back,
    );
  },
};

const country: Experiment = {
  id: 'country',
  title: 'Change country',
  about:
    'You are in Germany, and a moment later in Japan. Your token may have been stolen, so the server asks for your password.',
  hindrance: needsRules,
  async run({ client, tell }) {
    try {
      await ask(client, 'POST', '/travel', { country: 'DE' });
      const home = await refreshed(client);
      if (home.startsWith('refused')) await askToStepUp(client);
      const there = succeeded(home)
        ? 'Good: from now on you are in Germany.'
        : 'Bad: refused. Your last place may be too far away.';
      tell('POST /auth/refresh, from Germany', home, there, succeeded(home));
      await ask(client, 'POST', '/travel', { country: 'JP' });
      const away = await refreshed(client);
      tell(
        'POST /auth/refresh, from Japan',
        away,
        away.includes('step_up_required')
          ? 'Good: nobody travels that fast, so the rules ask for a step-up. A thief would be stopped here. The token stays valid.'
          : 'Bad: the rules do not ask for a step-up.',
        away.includes('step_up_required'),
      );
      if (!away.includes('step_up_required')) return;
      const passed = await askToStepUp(client);
      tell(
        'POST /auth/step-up, with your password',
        passed ? `200: token ${await token(client)}` : 'not sent',
        passed
          ? 'Good: it is you. The session continues in Japan.'
          : 'Bad for you: the session waits. The next refresh asks again.',
        passed,
      );
    } finally {
      await ask(client, 'POST', '/travel', {});
    }
  },
};

export const EXPERIMENTS: readonly Experiment[] = [parallel, lost, ...THEFTS, ...KEYED, role, country, ...GUESSES];
