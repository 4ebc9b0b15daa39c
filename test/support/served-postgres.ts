import { DataSource } from 'typeorm';
import { SECRET } from './auth-app.js';
import { type DemoProcess, startDemo } from './demo-process.js';
import type { PostgresServer } from './postgres-servers.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

/** The name of the database, on each server. */
export const DATABASE = 'service';

/**
 * Processes of the demo on a PostgreSQL server, each by an address of its own that can move to another server.
 *
 * @example
 * const service = await ServedPostgres.start(primary);
 * await primary.kill();
 * await standby.promote();
 * service.moveTo(standby);
 */
export class ServedPostgres {
  readonly demos: DemoProcess[] = [];
  /** The address of the database, for each of the demos. */
  readonly addresses: TcpProxy[] = [];

  private constructor(private server: PostgresServer) {}

  /** @param through the URL at which the processes reach the server; by default its own */
  static async start(server: PostgresServer, through = server.url(DATABASE), count = 3): Promise<ServedPostgres> {
    const service = new ServedPostgres(server);
    try {
      // Two at a time would migrate the database one after the other anyway.
      for (let started = 0; started < count; started++) await service.launch(through);
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  get urls(): string[] {
    return this.demos.map(({ url }) => url);
  }

  /** Nobody reaches the database any more: connections are cut, and none is accepted. */
  cut(): void {
    for (const address of this.addresses) address.cut();
  }

  /** The address belongs to that server from now on. Connections to the old one are cut. */
  moveTo(server: PostgresServer, addresses: readonly TcpProxy[] = this.addresses): void {
    this.server = server;
    for (const address of addresses) {
      address.cut();
      address.retarget(server.url());
      address.restore();
    }
  }

  /** Like {@link moveTo}, but nobody closes the old connections: they stay open and carry nothing. */
  moveSilentlyTo(server: PostgresServer): void {
    this.server = server;
    for (const address of this.addresses) {
      address.strand();
      address.retarget(server.url());
    }
  }

  /** Does work with a connection to the server that has the address now. */
  async withDataSource<T>(work: (dataSource: DataSource) => Promise<T>): Promise<T> {
    const dataSource = await new DataSource({ type: 'postgres', url: this.server.url(DATABASE) }).initialize();
    try {
      return await work(dataSource);
    } finally {
      await dataSource.destroy();
    }
  }

  async stop(): Promise<void> {
    // With its address gone, a process does not wait for the database.
    this.cut();
    try {
      await Promise.all(this.demos.map((demo) => demo.stop()));
    } finally {
      await Promise.all(this.addresses.map((address) => address.close()));
    }
  }

  private async launch(database: string): Promise<void> {
    const address = await startTcpProxy(database);
    this.addresses.push(address);
    this.demos.push(await startDemo({ DATABASE_URL: address.url, AUTH_SECRET: SECRET }));
  }
}
