import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { createClient } from 'redis';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { withTimeout } from '../../auth/common/time/with-timeout.js';
import type { RedisTarget } from './redis-client.js';
import { type RedisCommands, redisCommands } from './redis-commands.js';

type OwnClient = ReturnType<typeof createClient>;

/** Milliseconds that anything waits for Redis. */
const LIMIT = 1_000;
/** Milliseconds between attempts to connect. */
const RECONNECT_INTERVAL = 500;
/** Milliseconds between pings, which detect a dead connection. */
const PING_INTERVAL = 1_000;
/** Milliseconds without an answer after which a connection is closed. */
const SILENCE = 4 * PING_INTERVAL;

/** What to give instead of the URL of such a server, or of a client of it. */
const FIXES: Readonly<Record<string, string>> = {
  cluster: 'a node of a cluster. Give client: createCluster({ rootNodes: [{ url }] })',
  sentinel: "a sentinel. Give client: createSentinel({ name: 'mymaster', sentinelRootNodes: [{ host, port }] })",
};

/** Calls back when data that Redis had may be lost. `age`: the loss was this number of milliseconds ago. */
export type LossListener = (age: number) => void;

/**
 * The connection to Redis: our own client of a URL, or the client of the application. The application connects and
 * closes its client itself.
 */
export class RedisConnection {
  private own: OwnClient | undefined;
  private commands: RedisCommands | undefined;
  private stopListening = () => {};
  /** The last question which server it is. Commands wait for the answer. */
  private identified: Promise<void> | undefined;
  private nextQuestion: NodeJS.Timeout | undefined;
  private server: { runId: string | undefined } | undefined;
  private lastError: unknown;
  private refusal: AuthConfigurationError | undefined;
  private closed = false;

  /** @param where the function that the application has called, for messages */
  constructor(
    private readonly where: string,
    private readonly target: RedisTarget,
  ) {}

  /**
   * Waits for the connection, for one second at most.
   *
   * @throws AuthConfigurationError if the server is a node of a cluster or a sentinel
   */
  async open(lost: LossListener = () => {}): Promise<void> {
    // The same options may serve several applications, one after another.
    this.closed = false;
    this.refusal = undefined;
    this.server = undefined;
    this.identified = undefined;
    const client = 'client' in this.target ? this.target.client : await this.createOwn(this.target.url);
    if (this.closed) return;
    const commands = (this.commands = redisCommands(client));
    const waited = new AbortController();
    const connected = commands.isLone
      ? this.identify(client, commands, lost, waited.signal)
      : (this.stopListening = commands.onReconnect(() => lost(0)));
    this.own?.connect().catch((error: unknown) => (this.lastError = error));
    const failed = this.own && once(this.own, 'error', { signal: waited.signal }).catch(() => undefined);
    await Promise.race([connected, failed ?? connected, delay(LIMIT, undefined, { ref: false })]);
    waited.abort();
    if (this.refusal) throw this.refusal;
  }

  /**
   * Runs a command. It takes one second at most.
   *
   * @throws an error if Redis is unavailable or refuses the command
   */
  async run<T>(name: string, command: (redis: RedisCommands) => Promise<T>): Promise<T> {
    const start = performance.now();
    const commands = await this.identifiedCommands();
    const left = Math.max(0, LIMIT - (performance.now() - start));
    return withTimeout(left, `${name} at Redis`, command(commands));
  }

  /**
   * Waits until the server is known, for one second at most. A command that has waited in vain is never sent.
   *
   * @throws an error if Redis is unavailable
   */
  async identifiedCommands(): Promise<RedisCommands> {
    if (this.refusal) throw this.refusal;
    const { commands } = this;
    if (!commands || (this.own && !this.own.isReady)) {
      throw new Error(`Redis is not connected${this.lastError === undefined ? '' : `: ${String(this.lastError)}`}`);
    }
    if (this.identified) await withTimeout(LIMIT, 'INFO at Redis', this.identified);
    return commands;
  }

  /** Ends our own client. The client of the application stays as it is. */
  async close(): Promise<void> {
    this.closed = true;
    this.stopListening();
    clearTimeout(this.nextQuestion);
    this.commands = undefined;
    if (this.own?.isOpen) this.own.destroy();
    this.own = undefined;
  }

  /** It does not queue commands: a command fails if it cannot be sent at once. */
  private async createOwn(url: string): Promise<OwnClient> {
    const { createClient } = await loadRedis();
    this.own = createClient({
      url,
      pingInterval: PING_INTERVAL,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: () => RECONNECT_INTERVAL, connectTimeout: 2 * LIMIT, socketTimeout: SILENCE },
    }) as OwnClient;
    this.own.on('error', (error: unknown) => (this.lastError = error));
    return this.own;
  }

  /**
   * Asks the server who it is, now, after each reconnection, and again if it does not answer. Resolves after the first
   * answer.
   */
  private identify(client: object, redis: RedisCommands, lost: LossListener, waited: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const ask = () => {
        clearTimeout(this.nextQuestion);
        // Not every user of Redis may ask.
        const answer = redis.describeServer().catch(() => '');
        const identified = withTimeout(LIMIT, 'INFO at Redis', answer).then((description) =>
          this.compare(description, lost, waited),
        );
        this.identified = identified;
        identified.then(resolve, () => {
          if (this.closed || this.identified !== identified) return;
          this.nextQuestion = setTimeout(ask, RECONNECT_INTERVAL).unref();
        });
      };
      this.stopListening = redis.onReconnect(ask);
      if (isConnected(client)) ask();
    });
  }

  /** A server that has started again, or another server, may lack data. */
  private compare(description: string, lost: LossListener, waited: AbortSignal): void {
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(description)?.[1];
    const [runId, uptime] = [field('run_id'), field('uptime_in_seconds')];
    if (this.server === undefined) {
      if (uptime !== undefined) lost(1_000 * Number(uptime));
    } else if (runId === undefined || runId !== this.server.runId) {
      lost(0);
    }
    this.server = { runId };
    this.refuse(field('redis_mode'), waited);
  }

  private refuse(mode: string | undefined, waited: AbortSignal): void {
    const fix = FIXES[mode ?? ''];
    if (fix === undefined) return;
    const what = 'url' in this.target ? 'url is the address of' : 'client is connected to';
    this.refusal = new AuthConfigurationError(`${this.where}: ${what} ${fix}, of the package redis.`);
    // After the start the application goes on without Redis.
    if (waited.aborted) new Logger('Redis').error(this.refusal.message);
    void this.close();
  }
}

function isConnected(client: object): boolean {
  const { isReady, isOpen, status } = client as { isReady?: boolean; isOpen?: boolean; status?: string };
  return isReady ?? isOpen ?? status === 'ready';
}

async function loadRedis(): Promise<typeof import('redis')> {
  try {
    return await import('redis');
  } catch (cause) {
    throw new AuthConfigurationError(`Redis needs the package redis: npm install redis (${String(cause)})`);
  }
}
