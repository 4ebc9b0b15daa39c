import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between an application and its database, and can fail as networks do. */
export class StatementProxy {
  private readonly sockets = new Set<Socket>();
  private fault: { statement: string; when: 'before' | 'after'; met: () => void } | undefined;
  private hanging: { statement: string; when: 'before' | 'after' } | undefined;
  private readonly hung = new WeakSet<Socket>();
  private silent = false;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  static async before(databaseUrl: string): Promise<StatementProxy> {
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const proxy = new StatementProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (client) => proxy.join(client, connect(Number(port || 5432), hostname)));
    return proxy;
  }

  /** The same database, through here. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  /** Ends every connection, and refuses new ones. */
  async cut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.endAll();
    await closed;
  }

  async restore(): Promise<void> {
    await once(this.server.listen(this.port, '127.0.0.1'), 'listening');
  }

  /**
   * Ends the connection on which the next such statement comes: before the server gets it, or after the server has
   * answered it. Resolves when that has happened.
   */
  cutAt(statement: string, when: 'before' | 'after'): Promise<void> {
    return new Promise((met) => (this.fault = { statement, when, met }));
  }

  /** Every connection stays open and carries nothing any more, and so does every new one. */
  hang(): void {
    this.silent = true;
    for (const socket of this.sockets) this.hung.add(socket);
  }

  /** New connections work. Those that were hanging hang for ever. */
  recover(): void {
    this.silent = false;
  }

  /** The connection on which the next such statement comes hangs: before the server gets it, or before its answer. */
  hangAt(statement: string, when: 'before' | 'after'): void {
    this.hanging = { statement, when };
  }

  async close(): Promise<void> {
    this.endAll();
    if (this.server.listening) await once(this.server.close(), 'close');
  }

  private endAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private join(client: Socket, server: Socket): void {
    let lastAnswer: (() => void) | undefined;
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      if (this.silent) this.hung.add(socket);
      socket.on('error', end).on('close', () => {
        this.sockets.delete(socket);
        end();
      });
    }
    client.on('data', (chunk) => {
      const { fault, hanging } = this;
      if (hanging && chunk.includes(hanging.statement)) {
        this.hanging = undefined;
        this.hung.add(server);
        if (hanging.when === 'before') this.hung.add(client);
      }
      if (this.hung.has(client)) return;
      if (!fault || !chunk.includes(fault.statement)) return void server.write(chunk);
      this.fault = undefined;
      const cut = () => {
        end();
        fault.met();
      };
      if (fault.when === 'before') return cut();
      lastAnswer = cut;
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (this.hung.has(server)) return;
      if (!lastAnswer) return void client.write(chunk);
      // ReadyForQuery: the statement has been executed and committed.
      if (chunk.subarray(-6).equals(READY_FOR_QUERY)) lastAnswer();
    });
  }
}

/** `Z`, its length, and the state "idle". */
const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
