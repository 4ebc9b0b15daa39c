import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const PORTS: Record<string, number> = { 'postgres:': 5432, 'postgresql:': 5432, 'mysql:': 3306, 'redis:': 6379 };

export interface TcpProxy {
  /** The URL that was given, but through the proxy. */
  url: string;
  /** The server is away: every connection is cut, and none is accepted. */
  cut(): void;
  /** The server is back. */
  restore(): void;
  /**
   * Another server has taken the place of this one, and nobody has said goodbye: the connections that there are stay open
   * and carry nothing any more; new ones work.
   */
  strand(): void;
  /** New connections go to another server. Those that exist stay where they are: {@link cut} or {@link strand} them. */
  retarget(target: string): void;
  /** What clients have sent since it was last asked, chunk by chunk. */
  takeSent(): Buffer[];
  close(): Promise<void>;
}

/**
 * Stands between a client and a server, and can be told to fail.
 *
 * @example
 * const proxy = await startTcpProxy('redis://127.0.0.1:6379');
 * const demo = await startDemo({ REDIS_URL: proxy.url });
 * proxy.cut();
 */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  let address = addressOf(target);
  const sockets = new Set<Socket>();
  const stranded = new WeakSet<Socket>();
  let sent: Buffer[] = [];
  let away = false;

  const server = createServer((client) => {
    if (away) return void client.resetAndDestroy();
    const upstream = connect(address);
    join(client, upstream, (chunk) => sent.push(chunk));
    join(upstream, client);
  });

  function join(from: Socket, to: Socket, note?: (chunk: Buffer) => void): void {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      if (stranded.has(from)) return;
      note?.(chunk);
      to.write(chunk);
    });
    from.on('error', () => undefined); // `close` follows
    from.on('close', () => {
      sockets.delete(from);
      if (!stranded.has(from)) to.destroy();
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);

  return {
    url: url.href,
    cut() {
      away = true;
      for (const socket of sockets) socket.resetAndDestroy();
    },
    restore() {
      away = false;
    },
    strand() {
      for (const socket of sockets) stranded.add(socket);
    },
    retarget(next) {
      address = addressOf(next);
    },
    takeSent() {
      const taken = sent;
      sent = [];
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function addressOf(target: string): { host: string; port: number } {
  const { protocol, hostname, port } = new URL(target);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || PORTS[protocol]) };
}
