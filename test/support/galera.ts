import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { freePort } from './free-port.js';
import { OwnedFolder } from './owned-folder.js';

const SERVER = '/usr/sbin/mariadbd';
const INSTALLER = '/usr/bin/mariadb-install-db';
const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
/** Copies a node's data to one that is too far behind. */
const TRANSFER = ['/usr/bin/wsrep_sst_rsync', '/usr/bin/rsync'];

/** Whether this machine has MariaDB with Galera. If it has not, its tests are skipped. */
export const galeraAvailable = [SERVER, INSTALLER, PROVIDER, ...TRANSFER].every((path) => existsSync(path));

const run = promisify(execFile);

/** Milliseconds. */
const START_LIMIT = 90_000;
/** Milliseconds. */
const POLL_INTERVAL = 100;

/**
 * Several MariaDB servers on loopback that are one Galera cluster. The timeouts are Galera's defaults: a node that is
 * silent for five seconds is suspected, and the others go on without it.
 *
 * @example
 * const cluster = await GaleraCluster.start(3);
 * const database = await cluster.createDatabase();
 * await new DataSource({ type: 'mysql', url: cluster.nodes[0].url(database) }).initialize();
 * cluster.nodes[2].freeze();
 * cluster.nodes[2].thaw();
 * await cluster.nodes[2].untilSynced();
 * await cluster.stop();
 */
export class GaleraCluster {
  readonly nodes: GaleraNode[] = [];
  private readonly folder = new OwnedFolder('galera-');

  /** @param settings of each server, for example `['--wsrep-slave-threads=4']` */
  static async start(size = 3, settings: readonly string[] = []): Promise<GaleraCluster> {
    const cluster = new GaleraCluster();
    try {
      await cluster.startNodes(size, settings);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** A fresh and empty database, on all nodes. Resolves to its name. */
  async createDatabase(): Promise<string> {
    const name = `test_${randomBytes(8).toString('hex')}`;
    await this.nodes[0].query(`CREATE DATABASE ${name}`);
    return name;
  }

  /** Resolves when each node takes part again. */
  async untilWhole(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.untilSynced(this.nodes.length)));
  }

  async stop(): Promise<void> {
    await this.folder.remove();
  }

  private async startNodes(size: number, settings: readonly string[]): Promise<void> {
    const template = join(this.folder.path, 'template');
    await run('chown', [user(), this.folder.path]);
    await run(INSTALLER, [
      '--no-defaults',
      `--user=${user()}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--innodb-log-file-size=16M',
      `--datadir=${template}`,
    ]);
    const replicationPorts: number[] = [];
    for (let index = 0; index < size; index++) replicationPorts.push(await freePort());
    const members = replicationPorts.map((port) => `127.0.0.1:${port}`).join(',');
    for (const [index, replication] of replicationPorts.entries()) {
      const name = `node${index + 1}`;
      await run('cp', ['-a', template, join(this.folder.path, name)]);
      await run('install', ['-d', '-o', user(), join(this.folder.path, `${name}-tmp`)]);
      const ports = { sql: await freePort(), replication, changes: await freePort(), transfer: await freePort() };
      const node = new GaleraNode(this.folder, name, ports, members, settings);
      this.nodes.push(node);
      await node.start(index === 0 ? ['--wsrep-new-cluster'] : []);
      await node.untilSynced(index + 1);
    }
  }
}

interface Ports {
  sql: number;
  replication: number;
  /** For the changes that a node has missed (IST). */
  changes: number;
  /** For a whole copy (SST). */
  transfer: number;
}

/** One server of the cluster. */
export class GaleraNode {
  private process: ChildProcess | undefined;
  private log = '';

  constructor(
    private readonly folder: OwnedFolder,
    readonly name: string,
    readonly ports: Ports,
    private readonly members: string,
    private readonly settings: readonly string[],
  ) {}

  /** Usable as the demo's `DATABASE_URL`. */
  url(database: string): string {
    return `mysql://root@127.0.0.1:${this.ports.sql}/${database}`;
  }

  /** What the server has written since it was created. */
  get output(): string {
    return this.log;
  }

  /** Runs one statement on a connection of its own. */
  async query<Row extends RowDataPacket>(sql: string, database?: string): Promise<Row[]> {
    const connection = await createConnection({
      host: '127.0.0.1',
      port: this.ports.sql,
      user: 'root',
      database,
      connectTimeout: 3_000,
    });
    try {
      const [rows] = await connection.query<Row[]>(sql);
      return rows;
    } finally {
      connection.destroy();
    }
  }

  /** The value of a status variable, for example `wsrep_local_state_comment`. */
  async status(variable: string): Promise<string> {
    const [row] = await this.query(`SHOW GLOBAL STATUS LIKE '${variable}'`);
    return row.Value as string;
  }

  /** @param more settings of this start alone */
  async start(more: readonly string[] = []): Promise<void> {
    const process = this.folder.spawn(this.name, SERVER, [...this.arguments(), ...more]);
    this.process = process;
    for (const stream of [process.stdout!, process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    }
  }

  /** `kill -9`, over when the process is gone. */
  async kill(): Promise<void> {
    const gone = once(this.process!, 'exit');
    this.process!.kill('SIGKILL');
    await gone;
  }

  /** `kill -STOP`: its connections stay open, and nobody answers. */
  freeze(): void {
    this.process!.kill('SIGSTOP');
  }

  /** `kill -CONT`. */
  thaw(): void {
    this.process!.kill('SIGCONT');
  }

  /** Starts a killed node again, at the position that its tables have, as Debian's service does. */
  async restart(): Promise<void> {
    const recovery = await run(SERVER, [...this.arguments(), '--wsrep-recover', '--log-error=/dev/stderr']);
    const position = /Recovered position: (\S+)/.exec(recovery.stdout + recovery.stderr)?.[1];
    await this.start(position ? [`--wsrep-start-position=${position}`] : []);
  }

  /** Resolves when the node takes part. @param size the number of nodes that it must see */
  async untilSynced(size: number): Promise<void> {
    const deadline = performance.now() + START_LIMIT;
    for (;;) {
      if (this.process!.exitCode !== null) throw new Error(`${this.name} has ended. Its output:\n${this.log}`);
      const state = await this.state().catch(() => undefined);
      if (state === `ON Synced ${size}`) return;
      if (performance.now() > deadline) {
        throw new Error(`${this.name} is ${state ?? 'silent'} after ${START_LIMIT} ms. Its output:\n${this.log}`);
      }
      await sleep(POLL_INTERVAL);
    }
  }

  private async state(): Promise<string> {
    const [ready, state, size] = [
      await this.status('wsrep_ready'),
      await this.status('wsrep_local_state_comment'),
      await this.status('wsrep_cluster_size'),
    ];
    return `${ready} ${state} ${size}`;
  }

  private arguments(): string[] {
    const { sql, replication, changes, transfer } = this.ports;
    const folder = this.folder.path;
    const provider = [
      `base_host=127.0.0.1`,
      `base_port=${replication}`,
      `gmcast.listen_addr=tcp://127.0.0.1:${replication}`,
      `ist.recv_addr=127.0.0.1:${changes}`,
      'gcache.size=16M',
    ];
    return [
      '--no-defaults',
      `--user=${user()}`,
      `--datadir=${join(folder, this.name)}`,
      `--tmpdir=${join(folder, `${this.name}-tmp`)}`,
      `--socket=${join(folder, `${this.name}.sock`)}`,
      `--pid-file=${join(folder, `${this.name}.server`)}`,
      '--bind-address=127.0.0.1',
      `--port=${sql}`,
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
      '--binlog-format=ROW',
      '--default-storage-engine=InnoDB',
      '--innodb-autoinc-lock-mode=2',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=64M',
      '--innodb-log-file-size=16M',
      '--performance-schema=OFF',
      '--wsrep-on=ON',
      `--wsrep-provider=${PROVIDER}`,
      `--wsrep-provider-options=${provider.join(';')}`,
      '--wsrep-cluster-name=test',
      `--wsrep-cluster-address=gcomm://${this.members}`,
      `--wsrep-node-name=${this.name}`,
      '--wsrep-node-address=127.0.0.1',
      `--wsrep-node-incoming-address=127.0.0.1:${sql}`,
      '--wsrep-sst-method=rsync',
      `--wsrep-sst-receive-address=127.0.0.1:${transfer}`,
      ...this.settings,
    ];
  }
}

/** Root lets MariaDB run as its own user: `rsync` of root drops its rights, and then cannot read the folder. */
function user(): string {
  return process.getuid?.() === 0 ? 'mysql' : userInfo().username;
}
