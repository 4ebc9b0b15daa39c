import { Body, Controller, Get, Post, type Type, UseGuards } from '@nestjs/common';
import { type AuthenticatedUser, CurrentUser, JwtAuthGuard, Roles, RolesGuard } from 'nestjs-refresh-token';
import {
  type AuthChange,
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
  type SessionStore,
  type StoredSession,
} from 'nestjs-refresh-token/client';
import type { DeviceKey, KeyStore } from 'nestjs-refresh-token/client/dpop';
import { onTestFinished, type TestContext } from 'vitest';

/** The API of a host: reads, writes, and a route for administrators. */
@Controller('orders')
@UseGuards(JwtAuthGuard, RolesGuard)
export class OrdersController {
  @Get()
  list(@CurrentUser() { id }: AuthenticatedUser) {
    return { id };
  }

  @Post()
  place(@Body() body: unknown) {
    return body;
  }

  @Get('all')
  @Roles('admin')
  all() {
    return [];
  }
}

export const controllers: Type[] = [OrdersController];

/** A store in memory, in which a test can look. */
export class MemoryStore implements SessionStore {
  session: StoredSession | undefined;
  saved = 0;

  load() {
    return this.session;
  }

  save(session: StoredSession): void | Promise<void> {
    this.session = session;
    this.saved++;
  }

  clear() {
    this.session = undefined;
  }
}

/** A key store in memory, in which a test can look. */
export function memoryKeys(): KeyStore & { kept?: DeviceKey } {
  return {
    load() {
      return this.kept;
    },
    save(key) {
      this.kept = key;
    },
    clear() {
      delete this.kept;
    },
  };
}

/** What a request and its answer were. */
export interface Exchange {
  method: string;
  path: string;
  status: number;
}

export interface TestClient extends AuthClient {
  store: MemoryStore;
  /** Every request that left, in the order of the answers. */
  exchanges: Exchange[];
  changes: AuthChange['type'][];
  /** How often a route was asked. */
  count(path: string): number;
}

export type Fetch = typeof fetch;

/**
 * A client whose traffic can be watched, and disturbed by `network`. It is closed after the test.
 *
 * @param options.test where tests run side by side, the context of the one that it belongs to
 */
export function testClient(
  baseUrl: string,
  {
    network = fetch,
    store = new MemoryStore(),
    test,
    ...options
  }: AuthClientOptions & { network?: Fetch; store?: MemoryStore; test?: TestContext } = {},
): TestClient {
  const exchanges: Exchange[] = [];
  const watched: Fetch = async (input, init) => {
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    const response = await network(input, init).catch((error: unknown) => {
      exchanges.push({ method, path, status: 0 });
      throw error;
    });
    exchanges.push({ method, path, status: response.status });
    return response;
  };
  const client = createAuthClient({ baseUrl, store, fetch: watched, ...options });
  (test?.onTestFinished ?? onTestFinished)(() => client.close());
  const changes: AuthChange['type'][] = [];
  client.onChange(({ type }) => void changes.push(type));
  const count = (path: string) => exchanges.filter((exchange) => exchange.path === path).length;
  return Object.assign(client, { store, exchanges, changes, count });
}

export const ALICE = { username: 'alice', password: 'alice-password' };

export async function signedIn(...given: Parameters<typeof testClient>): Promise<TestClient> {
  const client = testClient(...given);
  await client.login(ALICE);
  return client;
}

export const isRefresh = (input: Parameters<Fetch>[0]) => String(input).endsWith('/auth/refresh');

/** What becomes of a refresh; `pass` lets it through to the server. */
export type Disturbance = (
  attempt: number,
  pass: () => Promise<Response>,
  signal?: AbortSignal | null,
) => Promise<Response>;

/** A client whose first refreshes fail in some way, before or after they reach the server. */
export async function disturbedClient(
  url: string,
  disturb: Disturbance,
  options?: Parameters<typeof testClient>[1],
): Promise<TestClient> {
  let attempt = 0;
  const network: Fetch = (input, init) =>
    isRefresh(input) ? disturb(++attempt, () => fetch(input, init), init?.signal) : fetch(input, init);
  return signedIn(url, { network, ...options });
}
