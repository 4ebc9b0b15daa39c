import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.js';
import { asUser, otherUsersAvailable, type OwnedFolder } from './owned-folder.js';

/** Debian has a folder for each version. */
const VERSIONS = '/usr/lib/postgresql';
const PROGRAMS = newestPrograms();

/** Whether this machine has the programs of PostgreSQL. If it has not, the tests of failovers are skipped. */
export const postgresServersAvailable = PROGRAMS !== undefined && otherUsersAvailable;

const run = promisify(execFile);

/** Milliseconds. */
const START_LIMIT = 30_000;
/** Milliseconds. */
const POLL_INTERVAL = 50;

export interface StandbySetup {
  /** Whether the primary waits until this server has applied a commit. */
  readonly synchronous?: boolean;
  /** Where it finds its primary; by default at the primary's own port. */
  readonly through?: string;
}

/**
 * A PostgreSQL server of one test, from the programs of the system. The owner of the folder ends it.
 *
 * @example
 * const folder = new OwnedFolder('postgres-');
 * const primary = await PostgresServer.create(folder, 'primary');
 * const standby = await primary.createStandby('standby', { synchronous: true });
 * await primary.kill();
 * await standby.promote();
 * await folder.remove();
 */
export class PostgresServer {
  private process: ChildProcess | undefined;
  private log = '';
  private frozen: number[] = [];

  private constructor(
    private readonly folder: OwnedFolder,
    readonly name: string,
    readonly port: number,
  ) {}

  /** An empty server that runs. @param settings as in `postgresql.conf` */
  static async create(folder: OwnedFolder, name: string, settings: readonly string[] = []): Promise<PostgresServer> {
    const server = new PostgresServer(folder, name, await freePort());
    await run('chown', [owner(), folder.path]);
    await server.program('initdb', '--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', server.data);
    await server.configure(
      // No test cuts the power, so nothing has to reach the disk.
      'fsync=off',
      'shared_buffers=32MB',
      'max_wal_senders=4',
      'hot_standby=on',
      `unix_socket_directories=''`,
      `listen_addresses='127.0.0.1'`,
      `port=${server.port}`,
      ...settings,
    );
    await server.start();
    return server;
  }

  /** A copy of this server that follows it by streaming replication. */
  async createStandby(name: string, { synchronous = false, through }: StandbySetup = {}): Promise<PostgresServer> {
    const standby = new PostgresServer(this.folder, name, await freePort());
    await this.program('pg_basebackup', '-d', this.url(), '-D', standby.data, '--checkpoint=fast', '--no-sync', '-Xs');
    await writeFile(join(standby.data, 'standby.signal'), '');
    const { hostname, port } = new URL(through ?? this.url());
    const primary = `host=${hostname} port=${port} user=postgres application_name=${name}`;
    await standby.configure(
      `port=${standby.port}`,
      `primary_conninfo='${primary}'`,
      'wal_retrieve_retry_interval=200ms',
    );
    await standby.start();
    await this.until('replicates', async () => (await this.standbys()).includes(name));
    if (synchronous) {
      await this.configure(`synchronous_standby_names='${name}'`, 'synchronous_commit=remote_apply');
      await this.query('SELECT pg_reload_conf()');
      await this.until('replicates synchronously', async () => (await this.standbys('sync')).includes(name));
    }
    return standby;
  }

  /** Usable as the demo's `DATABASE_URL`. */
  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** What the server has written since it was created. */
  get output(): string {
    return this.log;
  }

  /** Runs one statement on a connection of its own. */
  async query<Row extends pg.QueryResultRow>(sql: string, database?: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url(database), connectionTimeoutMillis: 3_000 });
    client.on('error', () => undefined); // the statement fails, too
    try {
      await client.connect();
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Starts it, also after {@link kill}: then it recovers from its log. */
  async start(): Promise<void> {
    const child = this.folder.spawn(this.name, ...asOwner(PROGRAMS!('postgres'), ['-D', this.data]));
    this.process = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    }
    await this.until('answers', async () => (await this.query('SELECT 1')).length === 1);
  }

  /** `kill -9` of the server and of all its processes, over when they are gone. */
  async kill(): Promise<void> {
    const children = await this.children();
    const gone = once(this.process!, 'exit');
    for (const pid of [this.process!.pid!, ...children]) signal(pid, 'SIGKILL');
    await gone;
    await this.forget();
    while (children.some(isRunning)) await sleep(POLL_INTERVAL);
  }

  /** Ends it as an operator does: connections are closed, and nothing is lost. */
  async stop(): Promise<void> {
    const gone = once(this.process!, 'exit');
    this.process!.kill('SIGINT');
    await gone;
  }

  /** `kill -STOP`: its connections stay open, and nobody answers. */
  async freeze(): Promise<void> {
    signal(this.process!.pid!, 'SIGSTOP');
    this.frozen = await this.children();
    // A frozen process does not see that its server has ended. So the folder has to end it.
    for (const pid of this.frozen) await writeFile(this.pidFile(pid), String(pid));
    for (const pid of this.frozen) signal(pid, 'SIGSTOP');
  }

  /** `kill -CONT`. */
  async thaw(): Promise<void> {
    for (const pid of [...this.frozen, this.process!.pid!]) signal(pid, 'SIGCONT');
    await this.forget();
  }

  /** Makes a standby a primary, over when it takes writes. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 30)');
    await this.until('takes writes', async () => (await this.query('SELECT 1 WHERE pg_is_in_recovery()')).length === 0);
  }

  /** Writes a dump of one database to a file, and returns its path. */
  async dump(database: string): Promise<string> {
    const file = join(this.folder.path, `${database}.dump`);
    await this.program('pg_dump', '-d', this.url(database), '-Fc', '-f', file);
    return file;
  }

  /** Replaces one database by a dump, as an operator would who cannot stop the application. */
  async restore(database: string, dump: string): Promise<void> {
    await this.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await this.query(`CREATE DATABASE ${database}`);
    await this.program('pg_restore', '-d', this.url(database), '--single-transaction', dump);
  }

  private get data(): string {
    return join(this.folder.path, this.name);
  }

  private pidFile(pid: number): string {
    return join(this.folder.path, `${this.name}-${pid}.pid`);
  }

  private async forget(): Promise<void> {
    for (const pid of this.frozen) await rm(this.pidFile(pid), { force: true });
    this.frozen = [];
  }

  private async configure(...settings: readonly string[]): Promise<void> {
    await appendFile(join(this.data, 'postgresql.conf'), `\n${settings.join('\n')}\n`);
  }

  /** Runs a program of PostgreSQL until it ends. */
  private async program(name: string, ...args: readonly string[]): Promise<void> {
    const [program, all] = asOwner(PROGRAMS!(name), args);
    await run(program, all, { cwd: this.folder.path });
  }

  private async standbys(state?: 'sync'): Promise<string[]> {
    const rows = await this.query<{ name: string; sync_state: string }>(
      `SELECT application_name AS name, sync_state FROM pg_stat_replication WHERE state = 'streaming'`,
    );
    return rows.filter(({ sync_state: is }) => state === undefined || is === state).map(({ name }) => name);
  }

  private async children(): Promise<number[]> {
    const { pid } = this.process!;
    const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return list.trim().split(/\s+/).filter(Boolean).map(Number);
  }

  private async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + START_LIMIT;
    while (!(await isTrue().catch(() => false))) {
      if (this.process!.exitCode !== null) throw new Error(`${this.name} has ended. Its output:\n${this.log}`);
      if (performance.now() > deadline)
        throw new Error(`${this.name}: not '${what}' in time. Its output:\n${this.log}`);
      await sleep(POLL_INTERVAL);
    }
  }
}

/** The path of a program of the newest version. */
function newestPrograms(): ((name: string) => string) | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const [newest] = readdirSync(VERSIONS)
    .filter((version) => existsSync(join(VERSIONS, version, 'bin/postgres')))
    .sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? undefined : (name) => join(VERSIONS, newest, 'bin', name);
}

/** PostgreSQL refuses to run as root. */
function owner(): string {
  return process.getuid?.() === 0 ? 'postgres' : userInfo().username;
}

function asOwner(program: string, args: readonly string[]): [string, readonly string[]] {
  return asUser(process.getuid?.() === 0 ? owner() : undefined, program, args);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** A process that nobody has waited for stays in the list of processes, but runs no longer. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
