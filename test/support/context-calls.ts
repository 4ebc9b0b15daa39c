import { createClient } from 'graphql-ws';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { bearer, send } from './http.js';
import type { Operation } from './context-host.js';

/** What a handler answered, or the code of the refusal. */
export interface Outcome {
  id?: string | null;
  error?: string;
}

export type Call = (url: string, operation: Operation, token?: string) => Promise<Outcome>;

/** An access token, to be presented as a bearer token; or whatever presents another. */
export type Presented = string | Record<string, string>;

const authorized = (presented: Presented = {}) => (typeof presented === 'string' ? bearer(presented) : presented);
const socketUrl = (url: string, path = '') => url.replace(/^http/, 'ws') + path;

export const overHttp: Call = async (url, operation, token) => {
  const { body } = await send<Outcome>('GET', `${url}/http/${operation}`, { headers: authorized(token) });
  return body;
};

interface GraphqlResult {
  data?: Record<string, Outcome> | null;
  errors?: readonly { extensions?: { code?: unknown } }[];
}

function outcomeOf({ data, errors }: GraphqlResult, operation: Operation): Outcome {
  return errors ? { error: String(errors[0].extensions?.code) } : data![operation];
}

export const overGraphql: Call = async (url, operation, token) => {
  const { body } = await send<GraphqlResult>('POST', `${url}/graphql`, {
    headers: authorized(token),
    body: { query: `{ ${operation} { id } }` },
  });
  return outcomeOf(body, operation);
};

export interface Subscribed {
  first: Outcome;
  /** The close code and reason, once it is closed. */
  closed: Promise<{ code: number; reason: string }>;
  stop(): void;
}

/** A subscription, with its first result; the token goes where browsers can put it, or into the header. */
export async function subscribe(
  url: string,
  operation: Operation,
  token: Presented | undefined,
  place: 'params' | 'header',
): Promise<Subscribed> {
  const headers = place === 'header' ? authorized(token) : {};
  class OpeningRequest extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers });
    }
  }
  let close!: (event: { code: number; reason: string }) => void;
  const closed = new Promise<{ code: number; reason: string }>((resolve) => (close = resolve));
  const client = createClient({
    url: socketUrl(url, '/graphql'),
    webSocketImpl: OpeningRequest,
    retryAttempts: 0,
    lazy: true,
    connectionParams: place === 'params' ? authorized(token) : {},
    on: { closed: (event) => close(event as { code: number; reason: string }) },
  });
  const first = await new Promise<Outcome>((resolve, reject) => {
    client.subscribe<Record<string, Outcome>>(
      { query: `subscription { ${operation} { id } }` },
      {
        next: (result) => resolve(outcomeOf(result as GraphqlResult, operation)),
        error: (error) =>
          Array.isArray(error) ? resolve(outcomeOf({ errors: error as never }, operation)) : reject(error as Error),
        complete: () => undefined,
      },
    );
  });
  return { first, closed, stop: () => void client.dispose() };
}

export const bySubscription =
  (place: 'params' | 'header'): Call =>
  async (url, operation, token) => {
    const { first, stop } = await subscribe(url, operation, token, place);
    stop();
    return first;
  };

/** A client of socket.io, connected. */
export async function openSocketIo(url: string, token?: Presented, path?: string): Promise<Socket> {
  const auth = typeof token === 'string' ? { token } : (token ?? {});
  const socket = io(url, { auth, path, transports: ['websocket'], reconnection: false, forceNew: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

export const overSocketIo: Call = async (url, operation, token) => {
  const socket = await openSocketIo(url, token);
  const outcome = await new Promise<Outcome>((resolve) => {
    socket.once('exception', resolve);
    socket.once(operation, resolve);
    socket.emit(operation, {});
  });
  socket.disconnect();
  return outcome;
};

/** A client of the package ws, connected. */
export async function openWs(url: string, token?: Presented, path = '/'): Promise<WebSocket> {
  const socket = new WebSocket(socketUrl(url, path), { headers: authorized(token) });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return socket;
}

export interface Closed {
  code: number;
  reason: string;
}

export function closed(socket: WebSocket): Promise<Closed> {
  return new Promise((resolve) =>
    socket.once('close', (code: number, reason: Buffer) => resolve({ code, reason: reason.toString() })),
  );
}

export function ask(socket: WebSocket, operation: Operation): Promise<Outcome> {
  return new Promise((resolve) => {
    socket.once('message', (text: Buffer) => resolve((JSON.parse(text.toString()) as { data: Outcome }).data));
    socket.send(JSON.stringify({ event: operation, data: {} }));
  });
}
