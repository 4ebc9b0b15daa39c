import { circumstances, type Experiment } from './experiment.js';

/** Guesses beyond those that the limit allows. */
const TOO_MANY = 30;

/** Not through the client, which would sign in. */
async function guess(username: string): Promise<number> {
  const response = await fetch('/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: crypto.randomUUID(), transport: 'body' }),
  });
  void response.body?.cancel();
  return response.status;
}

const timesOf = (statuses: number[], status: number) => statuses.filter((one) => one === status).length;
const told = (statuses: number[]) =>
  [...new Set(statuses)]
    .sort()
    .map((status) => `${timesOf(statuses, status)} times ${status}`)
    .join(', ');

/** The name in capitals, with an accent, in wide letters, and with a space: a database may take all for one. */
function spellingsOf(name: string): string[] {
  const wide = name.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0));
  return [name.toUpperCase(), name.replace('e', 'é'), wide, `${name} `];
}

/** The account does not exist, so nobody is locked out. An unknown name takes as long as a known one. */
const newName = () => `guest-${crypto.randomUUID().slice(0, 8)}`;

const guesses: Experiment = {
  id: 'guesses',
  title: 'Guess a password many times at once',
  about:
    'An attacker sends many wrong passwords for one account, and waits for no answer. The account is made up, so nobody is locked out.',
  async run({ client, tell }) {
    const limit = (await circumstances(client)).login_failures;
    const name = newName();
    const many = limit + TOO_MANY;
    const statuses = await Promise.all(Array.from({ length: many }, () => guess(name)));
    const [evaluated, refused] = [timesOf(statuses, 401), timesOf(statuses, 429)];
    const good = evaluated === limit && refused === TOO_MANY;
    tell(
      `POST /auth/login for “${name}”, ${many} wrong passwords at once`,
      told(statuses),
      good
        ? `Good: ${evaluated} passwords were evaluated, as many as may fail in a minute. The other ${refused} were refused without a look at the password, and the right one would be, too. Bad: for a minute, the owner cannot sign in from your address with a new device.`
        : `Bad: ${evaluated} passwords were evaluated, and ${refused} were refused unevaluated. The limit is ${limit}.`,
      good,
    );

    const spellings = spellingsOf(name);
    const spelled = await Promise.all(spellings.map(guess));
    const shared = timesOf(spelled, 429) === spellings.length;
    tell(
      `POST /auth/login for ${spellings.map((spelling) => `“${spelling}”`).join(', ')}`,
      told(spelled),
      shared
        ? 'Good: a database may take these spellings for one name, so they share its limit. Not one more password was evaluated.'
        : `Bad: ${spellings.length - timesOf(spelled, 429)} spellings brought another guess.`,
      shared,
    );

    const other = newName();
    const status = await guess(other);
    tell(
      `POST /auth/login for “${other}”, from the same address`,
      String(status),
      status === 401
        ? 'Good: other users of your address are not held back. This password was evaluated, and it was wrong.'
        : 'Bad: another user of your address was refused, too.',
      status === 401,
    );
  },
};

/** What attackers without a token can do. */
export const GUESSES: readonly Experiment[] = [guesses];
