import { randomBytes } from 'node:crypto';
import { type Answer, type AuthBody, cookieHeader, refreshCookie, send } from './http.js';

/** Where a client can be killed: between any two steps of a refresh. */
export const POINTS = [
  'before it reads its ledger',
  'when it has read its ledger',
  'when it has drawn a key',
  'when it has written the key down',
  'while the server has its request',
  'when the answer has come',
  'when it has written the answer down',
] as const;

/** The points that a client reaches only after an answer `superseded`. */
export const POINTS_AFTER_SUPERSEDED = [
  'when it has drawn a key afresh',
  'when it has written the key afresh',
] as const;

export type Point = (typeof POINTS)[number] | (typeof POINTS_AFTER_SUPERSEDED)[number];

/** What the client keeps. It is written in one write, as a whole or not at all. */
export interface Ledger {
  /** `undefined` if it is in the cookie jar. */
  readonly token?: string;
  readonly generation: number;
  /** The uses that may have brought the token: exactly one, unless a use was answered `superseded`. */
  readonly keys: readonly string[];
  /** The key of the current use of the token: written down before it is sent, the same for every retry. */
  readonly pendingKey?: string;
  /** Keys of earlier uses of this token, which were answered `superseded`. Each may have brought the successor. */
  readonly formerKeys: readonly string[];
}

/** What outlives the client: its ledger, and the cookie jar of its browser. */
export class ClientStore {
  /** Only text, so that nothing of a dead client's memory is in it. */
  private text: string | undefined;
  jar: string | undefined;

  read(): Ledger | undefined {
    return this.text === undefined ? undefined : (JSON.parse(this.text) as Ledger);
  }

  write(ledger: Ledger): void {
    this.text = JSON.stringify(ledger);
  }

  clear(): void {
    this.text = undefined;
    this.jar = undefined;
  }

  /** What somebody gets who copies the device. */
  copy(): ClientStore {
    const copy = new ClientStore();
    copy.text = this.text;
    copy.jar = this.jar;
    return copy;
  }
}

export interface Habits {
  readonly transport: 'body' | 'cookie';
  /** Where the client sends the key of each use. */
  readonly keys: 'body' | 'header' | 'nowhere';
  /** Whether it says which uses brought its token. */
  readonly claims: boolean;
}

/** The client that the design asks for. */
export const CAREFUL: Habits = { transport: 'body', keys: 'body', claims: true };
/** It sends keys, but never says which of them brought its token. */
export const WITHOUT_CLAIMS: Habits = { transport: 'body', keys: 'body', claims: false };
/** By the rules of cookies: jar and ledger can part, so it claims nothing. */
export const WITH_A_COOKIE: Habits = { transport: 'cookie', keys: 'body', claims: false };
export const WITHOUT_KEYS: Habits = { transport: 'body', keys: 'nowhere', claims: false };
/** A browser without the library's client. */
export const COOKIE_WITHOUT_KEYS: Habits = { transport: 'cookie', keys: 'nowhere', claims: false };

/** The routes that issue tokens. */
export type Path = '/auth/login' | '/auth/refresh' | '/auth/step-up';

/** One request of the client. */
export interface KeyedRequest {
  /** By default `/auth/refresh`. */
  readonly path?: Path;
  readonly headers: Record<string, string>;
  readonly body: {
    readonly refresh_token?: string;
    readonly idempotency_key?: string;
    readonly received_with?: { readonly generation: number; readonly keys: readonly string[] };
    /** For a step-up. */
    readonly password?: string;
  };
}

export type KeyedBody = AuthBody & { generation: number };
/** Brings a request to the server, and the answer back. It throws {@link NetworkError} if one of them is lost. */
export type Network = (request: KeyedRequest) => Promise<Answer<KeyedBody>>;

export class NetworkError extends Error {}

/** The client was killed. Its memory is lost. */
export class Killed extends Error {
  constructor(point: string) {
    super(`Killed ${point}.`);
  }
}

/** The server ended the session, or knows nothing about it. */
export class SignedOut extends Error {
  constructor({ status, body }: Answer<KeyedBody>) {
    super(`Signed out: ${status} ${body.error}.`);
  }
}

/** The network failed too often. The client goes on later, with the same use. */
export class Offline extends Error {}

export interface KeyedClientOptions {
  readonly url: string;
  /** Waits, in milliseconds: a test advances its clock. */
  readonly wait: (milliseconds: number) => void | Promise<void>;
  readonly habits?: Habits;
  readonly store?: ClientStore;
  /** By default a network without faults. */
  readonly network?: Network;
  /** Header fields of each request, for example a proof. */
  readonly headers?: (path: Path) => Record<string, string> | Promise<Record<string, string>>;
  /** Called at every point of a refresh. If it throws, the client is dead. */
  readonly at?: (point: Point) => void;
  readonly drawKey?: () => string;
}

type Route = { readonly path: Path; readonly password?: string };

const BETWEEN_ATTEMPTS = 1_000;
const MOST_ATTEMPTS = 30;
const MOST_FAILURES = 3;
/** A claim has no more keys. A client that has more does not know which use brought its token, and claims nothing. */
const MOST_KEYS = 16;

/** Sends a request as it is. */
export async function present(
  url: string,
  { path = '/auth/refresh', headers, body }: KeyedRequest,
  signal?: AbortSignal,
): Promise<Answer<KeyedBody>> {
  const hasBody = Object.keys(body).length > 0;
  return send<KeyedBody>('POST', url + path, { headers, body: hasBody ? body : undefined, signal });
}

/** A key of 96 random bits. */
export function freshKey(): string {
  return randomBytes(12).toString('base64url');
}

/**
 * A small client that keeps its session whenever it is killed. It is a reference for authors of clients, and the honest
 * owner of a session in tests.
 *
 * Its rules:
 *
 * 1. Each use of a token has one random key. The key is written down before it is sent, and is the same for every retry.
 * 2. A new token is written down in one write with the keys that may have brought it. Only then the key is forgotten.
 * 3. After 409 `superseded`: if the store has a newer token, use that one. Otherwise present the token with a new key.
 *    The former key may have brought the successor, too, so it is not forgotten.
 * 4. After 429, 503 and a failure of the network: wait, and retry the same use.
 */
export class KeyedClient {
  readonly store: ClientStore;
  readonly habits: Habits;
  /** Answers `superseded` so far. */
  superseded = 0;

  constructor(private readonly options: KeyedClientOptions) {
    this.store = options.store ?? new ClientStore();
    this.habits = options.habits ?? CAREFUL;
  }

  /** Another run of the same program: with the same store, and without the memory of this one. */
  restarted(changed: Partial<KeyedClientOptions> = {}): KeyedClient {
    return new KeyedClient({ ...this.options, at: undefined, store: this.store, ...changed });
  }

  get token(): string {
    return (this.habits.transport === 'cookie' ? this.store.jar : this.store.read()?.token)!;
  }

  async login(username = 'alice', more: object = {}): Promise<Answer<KeyedBody>> {
    const { transport, keys } = this.habits;
    const key = this.drawKey();
    const credentials = { username, password: `${username}-password`, transport, ...more };
    const answer = await send<KeyedBody>('POST', `${this.options.url}/auth/login`, {
      headers: {
        ...(await this.options.headers?.('/auth/login')),
        ...(keys === 'header' && { 'idempotency-key': key }),
      },
      body: { ...credentials, ...(keys === 'body' && { idempotency_key: key }) },
    });
    if (answer.status !== 200) throw new Error(`The login was answered with ${answer.status}.`);
    this.store.jar = refreshCookie(answer);
    this.keep(answer.body, [key]);
    return answer;
  }

  /** One refresh, with all of its retries. */
  refresh(): Promise<Answer<KeyedBody>> {
    return this.use({ path: '/auth/refresh' });
  }

  /** One step-up: a use of the token, like a refresh. */
  stepUp(password: string): Promise<Answer<KeyedBody>> {
    return this.use({ path: '/auth/step-up', password });
  }

  private async use(route: Route): Promise<Answer<KeyedBody>> {
    let failures = 0;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      this.reach('before it reads its ledger');
      const use = this.beginUse();
      const answer = await this.send(route, use).catch((error: unknown) => {
        if (!(error instanceof NetworkError)) throw error;
        if (++failures === MOST_FAILURES) throw new Offline();
        return undefined;
      });
      switch (answer?.status) {
        case 200:
          this.finishUse(use, answer.body);
          this.reach('when it has written the answer down');
          return answer;
        case 409:
          this.superseded++;
          // Another tab may have stored a newer token.
          if (this.store.read()!.generation === use.generation) this.beginAfresh(use);
          await this.options.wait(BETWEEN_ATTEMPTS);
          break;
        case undefined:
        case 429:
        case 503:
          await this.options.wait(1_000 * Number(answer?.headers.get('retry-after') ?? 1));
          break;
        default:
          throw new SignedOut(answer!);
      }
    }
    throw new Offline();
  }

  /** The ledger with the key of the current use. A tab that comes now continues the same use. */
  private beginUse(): Ledger {
    const ledger = this.store.read();
    if (!ledger) throw new Error('Nobody is signed in.');
    this.reach('when it has read its ledger');
    if (ledger.pendingKey !== undefined) return ledger;
    const use = { ...ledger, pendingKey: this.drawKey() };
    this.reach('when it has drawn a key');
    this.store.write(use);
    this.reach('when it has written the key down');
    return use;
  }

  private beginAfresh(superseded: Ledger): void {
    const current = this.store.read()!;
    // Another tab has begun afresh before this one.
    if (current.pendingKey !== superseded.pendingKey) return;
    const formerKeys = [...current.formerKeys, superseded.pendingKey!];
    const use = { ...current, pendingKey: this.drawKey(), formerKeys };
    this.reach('when it has drawn a key afresh');
    this.store.write(use);
    this.reach('when it has written the key afresh');
  }

  private async send(route: Route, use: Ledger): Promise<Answer<KeyedBody>> {
    const { network = (request) => present(this.options.url, request) } = this.options;
    const request = await this.requestOf(route, use);
    const answer = await network(request);
    this.reach('while the server has its request');
    // A browser stores the cookie as soon as the header has come, whatever becomes of the page.
    const cookie = refreshCookie(answer);
    if (this.habits.transport === 'cookie' && cookie) this.store.jar = cookie;
    this.reach('when the answer has come');
    return answer;
  }

  private async requestOf(
    { path, password }: Route,
    { token, generation, keys, pendingKey }: Ledger,
  ): Promise<KeyedRequest> {
    const { transport, keys: where } = this.habits;
    const knows = this.habits.claims && keys.length > 0 && keys.length <= MOST_KEYS;
    return {
      path,
      headers: {
        ...(await this.options.headers?.(path)),
        ...(transport === 'cookie' && cookieHeader(this.store.jar!)),
        ...(where === 'header' && { 'idempotency-key': pendingKey! }),
      },
      body: {
        ...(transport === 'body' && { refresh_token: token }),
        ...(where === 'body' && { idempotency_key: pendingKey }),
        ...(knows && { received_with: { generation, keys } }),
        ...(password !== undefined && { password }),
      },
    };
  }

  private finishUse(use: Ledger, body: KeyedBody): void {
    const current = this.store.read();
    // A tab has stored this token, or a newer one, in the meantime.
    if (!current || current.generation >= body.generation) return;
    // If a tab has begun afresh in the meantime, that use may bring the same token.
    const { formerKeys, pendingKey = use.pendingKey } = current;
    this.keep(body, [...new Set([...formerKeys, pendingKey!, use.pendingKey!])]);
  }

  private keep({ refresh_token: token, generation }: KeyedBody, keys: readonly string[]): void {
    this.store.write({ token, generation, keys, formerKeys: [] });
  }

  private drawKey(): string {
    return (this.options.drawKey ?? freshKey)();
  }

  private reach(point: Point): void {
    this.options.at?.(point);
  }
}

/** Kills a client when it reaches this point for the nth time. */
export function killedAt(point: Point, nth = 1): (reached: Point) => void {
  let times = 0;
  return (reached) => {
    if (reached === point && ++times === nth) throw new Killed(point);
  };
}
