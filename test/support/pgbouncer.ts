import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { asUser, otherUsersAvailable, OwnedFolder } from './owned-folder.js';
import { postgresAnswers } from './reachable.js';

const PROGRAM = '/usr/sbin/pgbouncer';

/** Whether this machine has PgBouncer. If it has none, its tests are skipped. */
export const pgbouncerAvailable = existsSync(PROGRAM) && otherUsersAvailable;

/** PgBouncer refuses to run as root. Then it runs as `nobody`. */
const USER = process.getuid?.() === 0 ? '65534' : undefined;

const run = promisify(execFile);

export type PgBouncerSettings = Record<string, string | number>;

export interface RunningPgBouncer {
  /** The URL of the same database, through PgBouncer. It stays the same after a restart. */
  url: string;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts it with the same settings on the same port. If it runs, it is killed first. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether this PgBouncer can keep track of prepared statements in transaction mode. It can since version 1.21. */
export function tracksPreparedStatements(): boolean {
  if (!pgbouncerAvailable) return false;
  const [, major, minor] = /(\d+)\.(\d+)/.exec(execFileSync(PROGRAM, ['--version'], { encoding: 'utf8' }))!;
  return Number(major) > 1 || Number(minor) >= 21;
}

/**
 * Starts PgBouncer in transaction mode in front of a PostgreSQL database. By default it does not keep track of prepared
 * statements.
 *
 * @param target the URL of the database
 * @param settings as in `pgbouncer.ini`, for example `{ default_pool_size: 3 }`
 */
export async function startPgBouncer(target: string, settings: PgBouncerSettings = {}): Promise<RunningPgBouncer> {
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(await freePort());
  const folder = new OwnedFolder('pgbouncer-');
  const ini = join(folder.path, 'pgbouncer.ini');
  await writeFile(ini, configuration(new URL(target), url.port, settings));
  if (USER !== undefined) await run('chown', ['-R', USER, folder.path]);
  let pgbouncer: ChildProcess;
  const start = async () => void (pgbouncer = await spawnIn(folder, ini, url.href));
  const kill = async () => {
    if (pgbouncer.exitCode !== null || pgbouncer.signalCode !== null) return;
    const ended = once(pgbouncer, 'exit');
    pgbouncer.kill('SIGKILL');
    await ended;
  };
  try {
    await start();
  } catch (error) {
    await folder.remove();
    throw error;
  }
  return {
    url: url.href,
    kill,
    async restart() {
      await kill();
      await start();
    },
    stop: () => folder.remove(),
  };
}

function configuration(target: URL, port: string, settings: PgBouncerSettings): string {
  const { hostname, username, password } = target;
  const server = { host: hostname, port: target.port || '5432', user: username, password };
  const lines = (values: PgBouncerSettings, separator: string) =>
    Object.entries(values)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}=${value}`)
      .join(separator);
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 5,
    max_client_conn: 500,
    ignore_startup_parameters: 'extra_float_digits',
    ...(tracksPreparedStatements() ? { max_prepared_statements: 0 } : {}),
    ...settings,
  };
  return `[databases]\n* = ${lines(server, ' ')}\n[pgbouncer]\nunix_socket_dir =\n${lines(all, '\n')}\n`;
}

/** Starts it, and waits until it answers. */
async function spawnIn(folder: OwnedFolder, ini: string, url: string): Promise<ChildProcess> {
  const pgbouncer = folder.spawn('pgbouncer', ...asUser(USER, PROGRAM, [ini]));
  let output = '';
  for (const stream of [pgbouncer.stdout!, pgbouncer.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await postgresAnswers(url)) return pgbouncer;
    await sleep(50);
  }
  throw new Error(`PgBouncer does not answer. Its output:\n${output}`);
}
