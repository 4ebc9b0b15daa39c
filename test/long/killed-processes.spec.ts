import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StoredSession } from 'nestjs-refresh-token/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accusationOf, rowOf } from '../support/chain.js';
import '../support/built.js';
import { freePort } from '../support/free-port.js';
import { DAY, HOUR, listening, SECOND } from '../support/listening.js';

const PROGRAM = fileURLToPath(new URL('../support/refreshing.program.mjs', import.meta.url));

const KILLS = Number(process.env.KILLS ?? 200);
const KILLS_OF_A_SESSION = 25;
/** Sessions that are being killed at the same time. */
const AT_ONCE = 4;
/** A process is killed after at most so many steps, and so many milliseconds more. A refresh takes six. */
const MOST_STEPS = 14;
const LONGEST_STEP = 3;
/** One use of a token is killed so often. The server repeats an answer three times after its window. */
const MOST_KILLS_OF_A_USE = 2;
/** The server takes at most so many milliseconds with a request, and again with its answer. */
const LONGEST_HOLD = 6;

/** What a process that was killed had begun to do. */
const STEPS: Record<string, string> = {
  b: 'start',
  r: 'request',
  a: 'answer',
  w: 'write',
  n: 'rename',
  s: 'stored',
  u: 'between uses',
  f: 'after a failure',
};

interface Plan {
  /** Processes that share the store. */
  processes: number;
  locks: boolean;
  /** Milliseconds between two refreshes of one process. */
  pause: number;
}

describe('a Node process that is killed at random', () => {
  const hold = () => Math.random() * LONGEST_HOLD;
  const app = listening('express', {
    options: { refreshToken: { grace: '1s' } },
    configure: (nest) =>
      nest.use((_: unknown, response: { end(...rest: unknown[]): void }, next: () => void) => {
        const end = response.end.bind(response);
        response.end = (...rest) => void setTimeout(() => end(...rest), hold());
        setTimeout(next, hold());
      }),
  });
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'killed-processes-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** The window is over, whenever it began. Sometimes it is days later. */
  const timePasses = () =>
    app.clock.advance(2 * SECOND + Math.random() * [10 * SECOND, HOUR, DAY / 2][Math.floor(Math.random() * 3)]);

  /**
   * One life of a process.
   *
   * @param end killed at random, killed after it has stored a token, or not killed
   * @returns the steps that it has begun
   */
  async function live(
    place: string,
    { locks, pause }: Plan,
    port: number,
    end: 'killed' | 'killed later' | 'once',
  ): Promise<string> {
    const lockPort = locks ? String(port) : '0';
    const isLast = end === 'once';
    const given = [app.url, place, 'alice', lockPort, String(pause), ...(isLast ? ['once'] : [])];
    const child = spawn(process.execPath, [PROGRAM, ...given], { stdio: ['ignore', 'pipe', 'inherit'] });
    let steps = '';
    const exited = once(child, 'exit');
    let isKilled = false;
    const kill = () => {
      isKilled = true;
      setTimeout(() => child.kill('SIGKILL'), Math.random() * LONGEST_STEP);
    };
    const until = 1 + Math.random() * MOST_STEPS;
    child.stdout.on('data', (letters) => {
      steps += letters;
      const isDue = steps.length >= until && (end === 'killed' || steps.includes('s'));
      if (!isLast && !isKilled && isDue) kill();
    });
    const [code, signal] = (await exited) as [number | null, string | null];
    expect([code, signal], steps).toEqual(isLast ? [0, null] : [null, 'SIGKILL']);
    return steps;
  }

  async function killAll(title: string, kills: number, plan: Plan): Promise<void> {
    const from = performance.now();
    const steps: Record<string, number> = {};
    const sessions: string[] = [];
    let lost = 0;
    let done = 0;
    const oneSession = async (index: number) => {
      const place = join(folder, `${title} ${index}`);
      await mkdir(place);
      const port = await freePort();
      const stored = async () =>
        JSON.parse(await readFile(join(place, 'session.json'), 'utf8').catch(() => '{}')) as Partial<StoredSession>;
      // The sign-in is not killed: without its answer there is no session.
      await live(place, plan, port, 'once');
      const { sessionId } = await stored();
      sessions.push(sessionId!);
      let killed: { generation?: number; times: number } = { times: 0 };
      let left = Math.min(KILLS_OF_A_SESSION, kills - index * KILLS_OF_A_SESSION);
      const one = async () => {
        while (left > 0) {
          left--;
          const { generation } = await stored();
          if (killed.generation !== generation) killed = { generation, times: 0 };
          const end = ++killed.times > MOST_KILLS_OF_A_USE ? 'killed later' : 'killed';
          const life = await live(place, plan, port, end);
          const last = STEPS[life.at(-1)!] ?? life;
          steps[last] = (steps[last] ?? 0) + 1;
          done++;
          timePasses();
        }
      };
      await Promise.all(Array.from({ length: plan.processes }, one));
      const life = await live(place, plan, port, 'once');
      const after = await stored();
      if (after.sessionId !== sessionId || /[EC]/.test(life)) lost++;
      if (process.platform !== 'win32') expect((await stat(join(place, 'session.json'))).mode & 0o777).toBe(0o600);
    };
    const indexes = Array.from({ length: Math.ceil(kills / KILLS_OF_A_SESSION) }, (_, index) => index);
    const work = async () => {
      for (let index = indexes.shift(); index !== undefined; index = indexes.shift()) await oneSession(index);
    };
    await Promise.all(Array.from({ length: Math.max(1, AT_ONCE / plan.processes) }, work));

    const reasons = (type: string) => sessions.filter((id) => accusationOf(app, id)?.type === type).length;
    const count = {
      kills: done,
      lost,
      reuse_detected: reasons('reuse_detected'),
      token_shared: reasons('token_shared'),
    };
    const refreshes = app.events.filter(({ type, sessionId }) => type === 'refreshed' && sessions.includes(sessionId!));
    console.log(
      `${title}: ${sessions.length} sessions, ${refreshes.length} refreshes, ${Math.round((performance.now() - from) / 1_000)} s,`,
      JSON.stringify(count),
      JSON.stringify(steps),
    );
    for (const id of sessions) expect.soft(await rowOf(app, id)).toMatchObject({ revokedAt: null });
    expect(count).toEqual({ kills, lost: 0, reuse_detected: 0, token_shared: 0 });
  }

  test(
    `loses no session in ${KILLS} kills`,
    () => killAll('killed processes', KILLS, { processes: 1, locks: false, pause: 0 }),
    900_000,
  );

  test.each([
    ['without', false],
    ['with', true],
  ])(
    'loses no session that it shares with other processes, %s a lock',
    (how, locks) => killAll(`${how} a lock`, KILLS / 4, { processes: 2, locks, pause: 30 }),
    900_000,
  );
});
