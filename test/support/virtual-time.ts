import { build } from 'esbuild';
import { join } from 'node:path';
import type * as ClientModule from 'nestjs-refresh-token/client';
import { setImmediate as turn } from 'node:timers/promises';
import { root } from './root.js';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** The time of programs that wait only for each other: as soon as all of them wait, the next timer fires. */
export class VirtualTime {
  readonly #timers = new Map<number, Timer>();
  #lastTimer = 0;
  /** What is under way in real time, for example at the server. Until it is done, no timer fires. */
  #underWay = 0;

  /**
   * @param now of the wall clock, in milliseconds
   * @param onAdvance called with the milliseconds that pass
   */
  constructor(
    public now: number,
    private readonly onAdvance: (milliseconds: number) => void,
  ) {}

  setTimer(run: () => void, milliseconds = 0): number {
    this.#timers.set(++this.#lastTimer, { at: this.now + Math.max(0, milliseconds), run });
    return this.#lastTimer;
  }

  clearTimer(timer: number | undefined): void {
    this.#timers.delete(timer!);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.setTimer(resolve, milliseconds));
  }

  async real<T>(work: Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work;
    } finally {
      this.#underWay--;
    }
  }

  /** The machine sleeps: what was due in the meantime fires when it wakes up. */
  jump(milliseconds: number): void {
    this.now += milliseconds;
    this.onAdvance(milliseconds);
  }

  /** Lets time pass until the promise has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => (settled = true);
    promise.then(done, done);
    while (!settled) {
      await turn();
      if (!settled && !this.#underWay) this.#fireNext();
    }
    return promise;
  }

  #fireNext(): void {
    let [next, first]: [number, number] = [0, Infinity];
    for (const [timer, { at }] of this.#timers) if (at < first) [next, first] = [timer, at];
    if (!next) throw new Error('Everybody waits, and no timer is set.');
    const { run } = this.#timers.get(next)!;
    this.#timers.delete(next);
    if (first > this.now) this.jump(first - this.now);
    run();
  }
}

type Evaluate = (module: { exports: unknown }, ...globals: unknown[]) => void;

/** What the client reads of time and of chance, instead of the globals of this process. */
const SHADOWED = ['setTimeout', 'clearTimeout', 'performance', 'Date', 'Math'];

/**
 * The client of the package, in a process of its own as far as the client can tell: with its own timers, clocks and
 * random numbers.
 */
export interface VirtualProcess {
  readonly createAuthClient: typeof ClientModule.createAuthClient;
  /** The process is killed: its timers never fire again. */
  kill(): void;
}

/** Returns a function that starts the client in a new process. */
export async function virtualClients(): Promise<(time: VirtualTime, random: () => number) => VirtualProcess> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'src/client/index.ts')],
    bundle: true,
    format: 'cjs',
    platform: 'neutral',
    write: false,
  });
  // The bundle is the client's own source, built a moment ago.
  const evaluate = new Function('module', ...SHADOWED, outputFiles[0].text) as Evaluate;
  return (time, random) => {
    const started = time.now;
    const timers = new Set<number>();
    const setTimeout = (run: () => void, milliseconds?: number) => {
      const timer = time.setTimer(() => {
        timers.delete(timer);
        run();
      }, milliseconds);
      timers.add(timer);
      return timer;
    };
    const clearTimeout = (timer?: number) => {
      timers.delete(timer!);
      time.clearTimer(timer);
    };
    const performance = { now: () => time.now - started };
    const clock = { now: () => time.now, parse: (text: string) => Date.parse(text) };
    const math = Object.assign(Object.create(Math) as Math, { random });
    const module = { exports: {} as typeof ClientModule };
    evaluate(module, setTimeout, clearTimeout, performance, clock, math);
    return {
      createAuthClient: module.exports.createAuthClient,
      kill: () => timers.forEach(clearTimeout),
    };
  };
}
