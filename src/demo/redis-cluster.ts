import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createCluster } from 'redis';

/** Milliseconds that the start waits for the cluster. */
const LIMIT = 1_000;
/** Milliseconds between attempts to connect. */
const RETRY = 500;

/** The client of a Redis cluster. The demo has made it, so it also connects and closes it. */
@Injectable()
export class RedisCluster implements OnApplicationShutdown {
  readonly client: ReturnType<typeof createCluster>;
  private closed = false;

  private constructor(urls: readonly string[]) {
    this.client = createCluster({ rootNodes: urls.map((url) => ({ url })) });
    // The library notices that the cluster is unavailable, and says so.
    this.client.on('error', () => undefined);
  }

  /** Resolves when it is connected, or after a second: then it keeps trying. */
  static async connect(urls: readonly string[]): Promise<RedisCluster> {
    const cluster = new RedisCluster(urls);
    await Promise.race([cluster.tryUntilConnected(), sleep(LIMIT, undefined, { ref: false })]);
    return cluster;
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    if (this.client.isOpen) this.client.destroy();
  }

  private async tryUntilConnected(): Promise<void> {
    while (!this.closed) {
      const connected = await this.client.connect().catch(() => undefined);
      if (connected) return;
      await sleep(RETRY, undefined, { ref: false });
    }
  }
}
