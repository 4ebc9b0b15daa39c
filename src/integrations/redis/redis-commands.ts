import { isIoRedis, type IoRedisClient, type NodeRedisClient, type RedisClient } from './redis-client.js';

/** A connection that only receives the messages of one channel. */
export interface RedisSubscriber {
  /** Resolves when it is subscribed. */
  readonly ready: Promise<unknown>;
  end(): void;
}

/** The callbacks of a subscriber. */
export interface RedisMessages {
  received(message: string): void;
  /** The connection is lost. It may come back by itself. */
  failed(error: unknown): void;
}

/** The few commands that the library needs, whichever package the client is from. */
export interface RedisCommands {
  /** Whether the client talks to one server at a time. */
  readonly isLone: boolean;
  /** What a lone server says about itself (`INFO server`). */
  describeServer(): Promise<string>;
  /** Sets the key unless it exists; resolves to whether it did. */
  claim(key: string, milliseconds: number): Promise<boolean>;
  /** Runs a script of one key. */
  run(script: string, key: string, given: string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, messages: RedisMessages): RedisSubscriber;
  /** Calls back when a connection has been made again, maybe to another server. Returns a function that ends it. */
  onReconnect(listener: () => void): () => void;
}

/** The members that only some clients of the package `redis` have. */
type AnyNodeRedis = NodeRedisClient & {
  info(section: string): Promise<string>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  duplicate?(overrides: object): AnyNodeRedis & { connect(): Promise<unknown>; destroy(): unknown };
};

type AnyIoRedis = Omit<IoRedisClient, 'duplicate'> & {
  isCluster?: boolean;
  info(section: string): Promise<string>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  duplicate(): AnyIoRedis;
};

/** The connection of a subscriber waits for its turn, and a cluster needs only one node for it. */
const FOR_SUBSCRIBER = { disableOfflineQueue: false, minimizeConnections: true };

export function canSubscribe(client: RedisClient): boolean {
  return isIoRedis(client) || 'subscribe' in client;
}

export function redisCommands(client: RedisClient): RedisCommands {
  return isIoRedis(client) ? new IoRedisCommands(client as never) : new NodeRedisCommands(client as never);
}

class NodeRedisCommands implements RedisCommands {
  readonly isLone: boolean;

  constructor(private readonly client: AnyNodeRedis) {
    // The properties are those of a cluster, of sentinels, and of a pool.
    this.isLone = !['nodeByAddress', 'getSentinelNode', 'totalClients'].some((name) => name in client);
  }

  describeServer(): Promise<string> {
    return this.client.info('server');
  }

  async claim(key: string, milliseconds: number): Promise<boolean> {
    const expiration = { type: 'PX', value: milliseconds } as const;
    return (await this.client.set(key, '1', { condition: 'NX', expiration })) === 'OK';
  }

  run(script: string, key: string, given: string[]): Promise<unknown> {
    return this.client.eval(script, { keys: [key], arguments: given });
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.client.publish(channel, message);
  }

  subscribe(channel: string, { received, failed }: RedisMessages): RedisSubscriber {
    const { client } = this;
    const own = client.duplicate?.(FOR_SUBSCRIBER);
    // The client of sentinels in version 5 cannot be duplicated. It subscribes on a separate connection by itself.
    if (!own) {
      return {
        ready: client.subscribe(channel, received),
        end: () => void client.unsubscribe(channel, received).catch(() => undefined),
      };
    }
    own.on('error', failed);
    const ready = own.connect().then(() => own.subscribe(channel, received));
    return { ready, end: () => void destroy(own) };
  }

  onReconnect(listener: () => void): () => void {
    // A pool tells only errors.
    const events = this.isLone
      ? ['ready']
      : ['node-reconnecting', 'node-disconnect', 'reconnecting', 'topology-change'];
    if ('totalClients' in this.client) events.push('error');
    return listen(this.client, events, listener);
  }
}

class IoRedisCommands implements RedisCommands {
  readonly isLone: boolean;

  constructor(private readonly client: AnyIoRedis) {
    this.isLone = client.isCluster !== true;
  }

  describeServer(): Promise<string> {
    return this.client.info('server');
  }

  async claim(key: string, milliseconds: number): Promise<boolean> {
    return (await this.client.set(key, '1', 'PX', milliseconds, 'NX')) === 'OK';
  }

  run(script: string, key: string, given: string[]): Promise<unknown> {
    return this.client.eval(script, 1, key, ...given);
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.client.publish(channel, message);
  }

  subscribe(channel: string, { received, failed }: RedisMessages): RedisSubscriber {
    const own = this.client.duplicate();
    own.on('error', failed);
    own.on('close', () => failed('the connection is closed'));
    own.on('message', (_channel, message) => received(String(message)));
    return { ready: own.subscribe(channel), end: () => own.disconnect() };
  }

  onReconnect(listener: () => void): () => void {
    const events = this.isLone ? ['ready'] : ['reconnecting', '-node', 'node error'];
    return listen(this.client, events, listener);
  }
}

/** Ends a client at once. The one of sentinels takes its time, and may fail. */
async function destroy(client: { destroy(): unknown }): Promise<void> {
  try {
    await client.destroy();
  } catch {
    // It had never connected, or had been ended already.
  }
}

function listen(client: Pick<NodeRedisClient, 'on' | 'off'>, events: string[], listener: () => void): () => void {
  for (const event of events) client.on(event, listener);
  return () => {
    for (const event of events) client.off(event, listener);
  };
}
