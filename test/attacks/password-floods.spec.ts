import { execFileSync } from 'node:child_process';
import { type IncomingMessage, request, type Server } from 'node:http';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { eventually } from '../support/eventually.js';
import { ALICE, flood, HeldUsers, listeningHeld, QUEUED } from '../support/held-users.js';
import { type Answer, type AuthBody, login, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { errorsDuring } from '../support/logged-errors.js';
import { expectRefusal, rowsOf } from '../support/refused.js';

const OVERLOADED = { status: 503, error: 'temporarily_unavailable' };

describe.each(['express', 'fastify'] as const)('a flood of password checks (%s)', (adapter) => {
  const { users, app } = listeningHeld(adapter);

  // 200 wrong passwords at once, so that every core and every thread hashes for the attacker.
  test('begins as many as allowed; the others wait, or get 503 without a check', async () => {
    const answers = flood(app.url, 200);
    const early: Answer<AuthBody>[] = [];
    for (const answer of answers) void answer.then((given) => early.push(given));
    await eventually(() => expect(early).toHaveLength(200 - 2 - 2 * QUEUED));
    for (const answer of early) expectRefusal(answer, OVERLOADED);
    expect(users.begun).toHaveLength(2);

    users.release();
    const all = await Promise.all(answers);
    expect(all.filter(({ status }) => status === 200)).toHaveLength(2 + 2 * QUEUED);
    expect(users.begun).toHaveLength(2 + 2 * QUEUED);
    expect(users.mostUnderWay).toBe(2);
  });

  // The flood fills the log with one line for each refusal.
  test('is no failure for each refused login in the log', async () => {
    const held = flood(app.url, 2 + 2 * QUEUED);
    await eventually(() => expect(users.begun).toHaveLength(2));
    const errors = await errorsDuring(async () => {
      const answers = flood(app.url, 20);
      await eventually(async () => expect(await Promise.race([...answers, ...held])).toMatchObject({ status: 503 }));
      users.release();
      await Promise.all([...answers, ...held]);
    });
    expect(errors).toEqual([]);
  });

  // The attacker keeps the queue full from one address, so that nobody else can sign in.
  test('from one address does not keep the others out', async () => {
    const attack = flood(app.url, 200, { 'x-forwarded-for': '203.0.113.1' });
    await eventually(() => expect(users.begun).toHaveLength(2));
    await Promise.race(attack);
    const honest = login(app.url, { ...ALICE, username: 'bob' }, { 'x-forwarded-for': '198.51.100.7' });
    const more = flood(app.url, 50, { 'x-forwarded-for': '203.0.113.1' });
    await Promise.race(more);

    users.begun[0].settle();
    users.begun[1].settle();
    await eventually(() => expect(users.begun).toHaveLength(4));
    expect(users.begun.slice(2).map(({ username }) => username)).toContain('bob');
    users.release();
    expect((await honest).status).toBe(200);
    await Promise.all([...attack, ...more]);
  });

  // The attacker hashes at the step-up instead, with a session of its own.
  test('at the step-up has the same bound', async () => {
    users.release();
    const { refreshToken } = await signIn(app);
    users.hold();
    const logins = flood(app.url, 2);
    await eventually(() => expect(users.begun).toHaveLength(2));
    const before = await rowsOf(app);
    const body = { refresh_token: refreshToken, password: 'wrong' };
    const answers = Array.from({ length: 100 }, () => send('POST', `${app.url}/auth/step-up`, { body }));
    expectRefusal(await Promise.race(answers), OVERLOADED);
    expect(users.begun).toHaveLength(2);
    expect(await rowsOf(app)).toEqual(before);
    users.release();
    await Promise.all([...logins, ...answers]);
    expect(users.mostUnderWay).toBe(2);
  });

  // The attacker sends logins and hangs up at once, so that a flood costs it nothing.
  test('of clients that hang up while they wait begins nothing for them', async () => {
    const held = flood(app.url, 2);
    await eventually(() => expect(users.begun).toHaveLength(2));
    const server = app.app.getHttpServer() as Server;
    const received: IncomingMessage[] = [];
    const listener = (incoming: IncomingMessage) => void received.push(incoming);
    server.on('request', listener);
    const text = JSON.stringify({ ...ALICE, username: 'bob' });
    const waiting = Array.from({ length: 10 }, () => {
      const headers = { 'content-type': 'application/json', 'content-length': String(text.length) };
      const sent = request(`${app.url}/auth/login`, { method: 'POST', agent: false, headers });
      sent.on('error', () => undefined).end(text);
      return sent;
    });
    await eventually(() => expect(received.filter(({ complete }) => complete)).toHaveLength(10));
    const after = login(app.url, { ...ALICE, username: 'admin' });
    await eventually(() => expect(received).toHaveLength(11));
    for (const sent of waiting) sent.destroy();
    await eventually(() => expect(received.filter(({ socket }) => socket.destroyed)).toHaveLength(10));
    server.off('request', listener);
    users.release();
    await Promise.all([...held, after]);
    expect(users.begun.map(({ username }) => username)).toEqual(['alice', 'alice', 'admin']);
  });

  test('is not what 40 users are who sign in at the same moment: each of them gets in', async () => {
    users.work = () => new Promise((resolve) => setTimeout(resolve, 5));
    const answers = await Promise.all(flood(app.url, 40));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describe('a password check that outlives its answer', () => {
  const users = new HeldUsers();
  const app = listening('express', {
    users,
    quiet: true,
    options: { concurrentPasswordChecks: 1, userProviderTimeout: '500ms' },
  });
  beforeEach(() => users.hold());
  afterEach(() => users.release());

  // Hashing goes on after a timeout. The attacker waits for the 503, and has the next one begun on top of it.
  test('keeps its place until it settles', async () => {
    expectRefusal(await login(app.url, ALICE), OVERLOADED);
    for (let attempt = 0; attempt < 2; attempt++) expectRefusal(await login(app.url, ALICE), OVERLOADED);
    expect(users.begun).toHaveLength(1);
    users.release();
    await eventually(async () => expect((await login(app.url, ALICE)).status).toBe(200));
    expect(users.mostUnderWay).toBe(1);
  });

  test('may fail later, which disturbs nobody', async () => {
    let fail = (_: Error) => {};
    users.work = () => new Promise((_, reject) => (fail = reject));
    expectRefusal(await login(app.url, ALICE), OVERLOADED);
    fail(new Error('The database is down.'));
    users.work = () => Promise.resolve();
    await eventually(async () => expect((await login(app.url, ALICE)).status).toBe(200));
  });

  // One check that never settles, for example on a dead connection, must not end all logins.
  test('loses its place if it never settles', async () => {
    expectRefusal(await login(app.url, ALICE), OVERLOADED);
    users.work = () => Promise.resolve();
    await eventually(async () => expect((await login(app.url, ALICE)).status).toBe(200));
  });
});

describe('while password checks take threads of libuv', () => {
  const users = new HeldUsers();
  const app = listening('express', { users, quiet: true, options: { userProviderTimeout: '60s' } });
  let folder: string;
  let pipe: string;
  /** Takes a thread of libuv until the pipe has a writer, as a hash takes one until it is computed. */
  const takeThread = async () => (await open(pipe, 'r')).close();
  let taken: Promise<unknown>[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'threads-'));
    pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
  });
  afterEach(() => {
    users.release();
    rmSync(folder, { recursive: true });
  });

  async function freeThreads(): Promise<void> {
    const writer = openSync(pipe, constants.O_RDWR);
    await Promise.all(taken);
    closeSync(writer);
    taken = [];
  }

  // A flood of logins takes every thread, and everything that waits for one stands still.
  test('a flood leaves a thread to others, with as many checks as the machine carries', async () => {
    users.hold();
    users.work = takeThread;
    const answers = flood(app.url, 20);
    taken = answers;
    await eventually(() => expect(users.begun.length).toBeGreaterThan(0));
    await stat(folder);
    await freeThreads();
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(users.mostUnderWay).toBeLessThan(4);
  });

  // The host's own hashing takes them all, and proofs would be verified only after it.
  test('DPoP needs none of them, at sign-in and refresh', async () => {
    const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
    const ofRefresh = await client.proof('POST', '/auth/refresh');
    const ofLogin = await client.proof('POST', '/auth/login');
    taken = Array.from({ length: 8 }, takeThread);
    try {
      const { body } = await login(app.url, ALICE, { dpop: ofLogin });
      expect(body.token_type).toBe('DPoP');
      const refreshed = await send<AuthBody>('POST', `${app.url}/auth/refresh`, {
        headers: { dpop: ofRefresh },
        body: { refresh_token: body.refresh_token },
        signal: AbortSignal.timeout(20_000),
      });
      expect(refreshed.body.token_type).toBe('DPoP');
    } finally {
      await freeThreads();
    }
  });
});
