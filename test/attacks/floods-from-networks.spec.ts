import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { ALICE, flood, HeldUsers, listeningHeld, QUEUED } from '../support/held-users.js';
import { cookiesSet, login, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';

describe.each(['express', 'fastify'] as const)('a flood of password checks from many networks (%s)', (adapter) => {
  const { users, app } = listeningHeld(adapter);

  // An attacker has a whole /64, and takes each turn with a new address of it.
  test('from one IPv6 network counts as one address', async () => {
    const attack = Array.from({ length: 200 }, (_, index) =>
      login(app.url, ALICE, { 'x-forwarded-for': `2001:db8::${index.toString(16)}` }),
    );
    await Promise.race(attack);
    const honest = login(app.url, { ...ALICE, username: 'bob' }, { 'x-forwarded-for': '198.51.100.7' });
    const more = flood(app.url, 50, { 'x-forwarded-for': '2001:db8::1' });
    await Promise.race(more);
    for (const { settle } of users.begun.slice(0, 2)) settle();
    await eventually(() => expect(users.begun.map(({ username }) => username)).toContain('bob'));
    users.release();
    expect((await honest).status).toBe(200);
    await Promise.all([...attack, ...more]);
  });

  // Or a whole /48, with 65,536 networks.
  test('from all networks of one site takes one turn in two', async () => {
    const attack = Array.from({ length: 200 }, (_, index) =>
      login(app.url, ALICE, { 'x-forwarded-for': `2001:db8:1:${index.toString(16)}::1` }),
    );
    await Promise.race(attack);
    const honest = login(app.url, { ...ALICE, username: 'bob' }, { 'x-forwarded-for': '2001:db8:2::7' });
    await flood(app.url, 1, { 'x-forwarded-for': '2001:db8:1:ffff::1' })[0];
    for (const { settle } of users.begun.slice(0, 2)) settle();
    await eventually(() => expect(users.begun.map(({ username }) => username)).toContain('bob'));
    users.release();
    expect((await honest).status).toBe(200);
    await Promise.all(attack);
  });
});

describe('a flood of password checks from everywhere', () => {
  const users = new HeldUsers();
  const app = listening('express', {
    users,
    trustProxy: 'loopback',
    imports: [AuthThrottlingModule.forRoot()],
    options: { concurrentPasswordChecks: 2, userProviderTimeout: '60s' },
  });
  afterEach(() => users.release());

  // The attacker has accounts of its own, and steps up in all of them.
  test('does not help an attacker with many accounts at one address', async () => {
    const sessions = await Promise.all(Array.from({ length: 80 }, () => signIn(app)));
    const honest = await signIn(app);
    users.hold();
    const stepUp = (refresh_token: string, ip: string) =>
      send('POST', `${app.url}/auth/step-up`, {
        headers: { 'x-forwarded-for': ip },
        body: { refresh_token, password: 'alice-password' },
      });
    const attack = sessions.map(({ refreshToken }) => stepUp(refreshToken, '10.0.0.1'));
    let refused = 0;
    for (const answer of attack) void answer.then(() => refused++);
    await eventually(() => expect(refused).toBe(80 - 2 - 2 * QUEUED));
    const owner = stepUp(honest.refreshToken, '198.51.100.7');
    await eventually(() => expect(refused).toBe(80 - 2 - 2 * QUEUED + 1));
    users.release();
    expect((await owner).status).toBe(200);
    await Promise.all(attack);
  });

  // A botnet of hundreds of networks, in which each takes its turn.
  test('does not keep those out who have signed in before', async () => {
    const cookie = cookiesSet(await login(app.url, { ...ALICE, username: 'bob', transport: 'cookie' }))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const { refreshToken } = await signIn(app);
    users.hold();
    const attack = Array.from({ length: 400 }, (_, index) =>
      login(
        app.url,
        { ...ALICE, username: `nobody-${index}` },
        { 'x-forwarded-for': `10.${index >> 8}.${index % 256}.1` },
      ),
    );
    let refused = 0;
    for (const answer of attack) void answer.then(() => refused++);
    await eventually(() => expect(refused).toBe(400 - 2 - 2 * QUEUED));
    const known = [
      login(app.url, { ...ALICE, username: 'bob' }, { cookie }),
      send('POST', `${app.url}/auth/step-up`, { body: { refresh_token: refreshToken, password: 'alice-password' } }),
    ];
    // Strangers that come later are refused later.
    await flood(app.url, 1, { 'x-forwarded-for': '10.9.9.9' })[0];
    // One check after another ends. All strangers in the queue are twice as many.
    for (let ended = 0; ended < QUEUED; ended++) {
      users.begun[ended].settle();
      await eventually(() => expect(users.begun).toHaveLength(ended + 3));
    }
    expect(users.begun.map(({ username }) => username)).toEqual(expect.arrayContaining(['bob', 'alice']));
    users.release();
    expect((await Promise.all(known)).map(({ status }) => status)).toEqual([200, 200]);
    await Promise.all(attack);
  });
});
