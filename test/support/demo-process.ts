import { spawn, type ChildProcess } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import './built.js';
import { freePort } from './free-port.js';
import { root } from './root.js';

export interface DemoProcess {
  /** `http://localhost:…`, without a slash at the end. */
  url: string;
  /** Everything it has written so far, standard output and error in the order in which they came. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end (SIGTERM) and waits until it has. One that does not end is killed, and that is an error. */
  stop(): Promise<Exit>;
  /** Settles when it has ended, for whatever reason; never rejects. */
  exited: Promise<Exit>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface DemoLocation {
  /** The script to run; relative to the root of the repository. */
  script?: string;
  /** The working folder; by default the root of the repository. */
  cwd?: string;
  /** What answers 200 once it is ready; by default `/health`. */
  readyPath?: string;
  /** The user who runs it; by default that of this process. */
  uid?: number;
}

// Milliseconds.
const START_LIMIT = 60_000;
const STOP_LIMIT = 20_000;
const POLL_INTERVAL = 50;
const POLL_LIMIT = 2_000;

/** Vitest ends a worker by SIGTERM. No demo may outlive it. */
const running = new Set<ChildProcess>();
const killAll = () => running.forEach((child) => child.kill('SIGKILL'));
process.once('exit', killAll);
process.once('SIGTERM', () => {
  killAll();
  process.kill(process.pid, 'SIGTERM'); // now without this listener, so that it ends the process
});

/**
 * Runs the demo as a process of its own and waits until it is ready. It gets the variables in `env` and none of those
 * that a developer may have exported; `PORT` is chosen here.
 *
 * @example
 * const demo = await startDemo({ DATABASE_URL: database.url!, AUTH_SECRET: 'x'.repeat(32) });
 * await login(demo.url, { username: 'alice', password: 'alice-password' });
 * await demo.stop();
 */
export async function startDemo(env: Record<string, string>, location: DemoLocation = {}): Promise<DemoProcess> {
  for (let attempt = 1; ; attempt++) {
    const demo = launch(env, await freePort(), location);
    try {
      await ready(demo, location.readyPath);
      return demo;
    } catch (error) {
      // Somebody else may have taken the port between its choice and its use.
      const portTaken = demo.output().includes('EADDRINUSE');
      if (!portTaken || attempt === 3) throw error;
    }
  }
}

function launch(env: Record<string, string>, port: number, location: DemoLocation): DemoProcess {
  const { script = 'dist/demo/main.js', cwd = root, uid } = location;
  const child = spawn(process.execPath, [resolvePath(root, script)], {
    cwd,
    uid,
    env: { PATH: process.env.PATH, ...env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

  let output = '';
  const collect = (text: unknown) => {
    output += text;
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  child.on('error', collect);

  running.add(child);
  const exited = new Promise<Exit>((resolve) => {
    // Not `exit`: the last of its output may come after that.
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });

  return {
    url: `http://localhost:${port}`,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    exited,
    async stop() {
      child.kill('SIGTERM');
      let ignored = false;
      const insist = setTimeout(() => {
        ignored = true;
        child.kill('SIGKILL');
      }, STOP_LIMIT);
      const exit = await exited;
      clearTimeout(insist);
      if (ignored) throw new Error(`The demo still ran ${STOP_LIMIT} ms after SIGTERM. Its output:\n${output}`);
      return exit;
    },
  };
}

async function ready(demo: DemoProcess, readyPath = '/health'): Promise<void> {
  let exit: Exit | undefined;
  void demo.exited.then((how) => {
    exit = how;
  });
  const deadline = Date.now() + START_LIMIT;
  for (;;) {
    const healthy = await answersOk(demo.url + readyPath);
    // Asked first: another process on this port may be healthy too.
    if (exit) throw new Error(`The demo ended (${exit.signal ?? exit.code}) before it was ready:\n${demo.output()}`);
    if (healthy) return;
    if (Date.now() > deadline) {
      demo.kill('SIGKILL');
      await demo.exited;
      throw new Error(`The demo was not ready within ${START_LIMIT} ms. Its output:\n${demo.output()}`);
    }
    await sleep(POLL_INTERVAL);
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(POLL_LIMIT) });
    await response.arrayBuffer(); // else the connection stays taken
    return response.status === 200;
  } catch {
    return false;
  }
}
