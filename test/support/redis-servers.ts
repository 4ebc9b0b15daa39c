import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const FOLDER = '/usr/bin';
const PROGRAMS = ['redis-server', 'redis-cli', 'redis-sentinel', 'setpriv'].map((name) => join(FOLDER, name));
const [SERVER, CLI, SENTINEL, SETPRIV] = PROGRAMS;

/** Whether this machine can start Redis servers of its own. If it cannot, their tests are skipped. */
export const redisServersAvailable = PROGRAMS.every((path) => existsSync(path));

const run = promisify(execFile);

/** The nodes of a cluster talk to each other on a second port, at this distance. */
const CLUSTER_BUS = 10_000;

/** A Redis server of one test. It keeps nothing on disk, so it is empty after each start. */
export class RedisServer {
  private process: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly port: number,
    private readonly program: string,
    private readonly settings: readonly string[],
  ) {}

  /** @param settings as on the command line, for example `'--maxmemory', '1mb'` */
  static async start(settings: readonly string[] = [], program = SERVER): Promise<RedisServer> {
    const port = await freePort(settings.includes('--cluster-enabled') ? CLUSTER_BUS : 0);
    const server = new RedisServer(port, program, settings);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, also again, on the same port and without data. */
  async start(): Promise<void> {
    const settings = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', tmpdir()];
    // Its own limit on replicas of a slow start would make a failover of a test wait for seconds.
    const own =
      this.program === SENTINEL ? [] : ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
    // The system kills the server if the test is killed.
    this.process = spawn(SETPRIV, ['--pdeathsig', 'KILL', this.program, ...this.settings, ...settings, ...own], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    await this.until('answers', async () => /PONG|NOAUTH/.test(await this.ask('PING')));
  }

  /** Waits until it has run for a second. A younger one counts as just started, and may have lost data. */
  async untilAged(): Promise<void> {
    await this.until('has run for a second', async () =>
      /uptime_in_seconds:[1-9]/.test(await this.ask('INFO', 'server')),
    );
  }

  /** Sends a signal, for example SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  /** `kill -9`, over when it is gone. */
  async kill(): Promise<void> {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, 'exit');
    process.kill('SIGKILL');
    await gone;
  }

  /** Asks it by redis-cli, and returns the answer. */
  async ask(...command: string[]): Promise<string> {
    const { stdout } = await run(CLI, ['-h', '127.0.0.1', '-p', String(this.port), ...command], {
      timeout: 3_000,
    }).catch(() => ({ stdout: '' }));
    return stdout.trim();
  }

  /** Waits until it is as it must be. */
  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + 30_000;
    while (!(await isTrue())) {
      if (performance.now() > end) throw new Error(`Redis at ${this.port}: not ${what}. Its output:\n${this.output}`);
      await sleep(50);
    }
  }
}

/** Servers that belong together. */
export interface RedisServers {
  servers: RedisServer[];
  stop(): Promise<void>;
}

/** Three masters, each with one replica. A replica takes over after about a second. */
export async function startRedisCluster(): Promise<RedisServers> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'));
  const servers = await Promise.all(
    Array.from({ length: 6 }, (_, number) => {
      const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
      return RedisServer.start([...settings, '--cluster-config-file', join(folder, `${number}.conf`)]);
    }),
  );
  const stop = async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
    await run(CLI, ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'], {
      timeout: 60_000,
    });
    for (const server of servers) {
      await server.until('in the cluster', async () => {
        const [info, replication] = [await server.ask('CLUSTER', 'INFO'), await server.ask('INFO', 'replication')];
        return info.includes('cluster_state:ok') && /connected_slaves:1|master_link_status:up/.test(replication);
      });
    }
    return { servers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface RedisSentinels extends RedisServers {
  master: RedisServer;
  replica: RedisServer;
  sentinels: RedisServer[];
}

/** The name of the master at its sentinels. */
export const MASTER = 'sessions';

/** A master, a replica, and three sentinels, which promote the replica after about a second. */
export async function startRedisSentinels(): Promise<RedisSentinels> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-sentinel-'));
  const servers: RedisServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const master = await RedisServer.start();
    servers.push(master);
    const replica = await RedisServer.start(['--replicaof', `127.0.0.1 ${master.port}`]);
    servers.push(replica);
    await replica.until('a replica', async () =>
      (await replica.ask('INFO', 'replication')).includes('master_link_status:up'),
    );
    const sentinels: RedisServer[] = [];
    for (let number = 0; number < 3; number++) {
      const file = join(folder, `${number}.conf`);
      await writeFile(
        file,
        `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 2\n` +
          `sentinel down-after-milliseconds ${MASTER} 1000\nsentinel failover-timeout ${MASTER} 5000\n`,
      );
      sentinels.push(await RedisServer.start([file], SENTINEL));
      servers.push(sentinels[number]);
    }
    for (const sentinel of sentinels) {
      await sentinel.until('aware of the others', async () => {
        const known = await sentinel.ask('SENTINEL', 'MASTER', MASTER);
        return /num-slaves\n1\n/.test(known) && /num-other-sentinels\n2\n/.test(known);
      });
    }
    return { servers, master, replica, sentinels, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
