import { createServer, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import {
  AuthClientError,
  createServerAuthClient,
  type ServerAuthClient,
  type ServerAuthClientOptions,
} from 'nestjs-refresh-token/client';
import { afterAll, beforeAll } from 'vitest';
import { type Fetch, isRefresh } from './clients.js';
import { login } from './http.js';

/** What a browser stores, as far as the tests need it: every cookie is sent to both servers, which share a host. */
export class Jar {
  readonly cookies = new Map<string, string>();

  take(headers: readonly string[]): void {
    for (const header of headers) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header)!;
      if (/; Max-Age=0(;|$)/.test(header)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  copy(): Jar {
    const copy = new Jar();
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }
}

export const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

/** The cookies of a browser whose user has signed in. */
export async function signedInJar(url: string, username = 'alice', more: object = {}): Promise<Jar> {
  const credentials = { username, password: `${username}-password`, transport: 'cookie' as const, ...more };
  const answer = await login(url, credentials, { 'user-agent': FIREFOX });
  if (answer.status !== 200) throw new Error(`The login was answered with ${answer.status}.`);
  const jar = new Jar();
  jar.take(answer.headers.getSetCookie());
  return jar;
}

export interface RenderedPage {
  /** The user's id, `nobody`, or the code of an error. */
  text: string;
  setCookies: string[];
}

/** What the page does with its client, and what it shows. */
export type Render = (client: ServerAuthClient, request: IncomingMessage) => Promise<string>;

export const showUser: Render = async (client) => (await client.user())?.id ?? 'nobody';

/** A plain Node.js server that renders a page for each request. */
export function renderingServer(auth: () => { url: string }) {
  const server = {
    url: '',
    /** How often an attempt at a refresh was sent. */
    refreshes: 0,
    /** Every request to the auth server: its method and path. */
    asked: [] as string[],
    /** The `Set-Cookie` headers of the auth server. */
    given: [] as string[],
    options: {} as Partial<ServerAuthClientOptions>,
    render: showUser,
    network: fetch as Fetch,
    reset() {
      Object.assign(server, { refreshes: 0, asked: [], given: [], options: {}, render: showUser, network: fetch });
    },
    /** Loads the page as a browser does. */
    async load(jar: Jar, { keep = true, headers = {} as Record<string, string> } = {}): Promise<RenderedPage> {
      const sent = { cookie: jar.header, 'user-agent': FIREFOX, ...headers };
      // `fetch` would send a `Sec-Fetch-Mode` of its own.
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(server.url, { headers: sent, agent: false }, resolve).on('error', reject);
      });
      const setCookies = response.headers['set-cookie'] ?? [];
      if (keep) jar.take(setCookies);
      return { text: await text(response), setCookies };
    },
  };
  const watched: Fetch = async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const { pathname } = new URL(request?.url ?? String(input));
    server.asked.push(`${init?.method ?? request?.method ?? 'GET'} ${pathname}`);
    if (isRefresh(input)) server.refreshes++;
    const response = await server.network(input, init);
    server.given.push(...response.headers.getSetCookie());
    return response;
  };
  const http = createServer((request, response) => {
    const client = createServerAuthClient({
      baseUrl: auth().url,
      cookies: request.headers.cookie,
      headers: request.headers,
      fetch: watched,
      ...server.options,
    });
    void server
      .render(client, request)
      .catch((error: unknown) => (error instanceof AuthClientError ? error.code : String(error)))
      .then((text) => {
        for (const cookie of client.setCookies) response.appendHeader('Set-Cookie', cookie);
        response.end(text);
      });
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    http.closeAllConnections();
    http.close();
  });
  return server;
}
