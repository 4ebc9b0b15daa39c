import fc from 'fast-check';
import type { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { expect } from 'vitest';
import type { AuthApp, ManualClock } from './auth-app.js';
import { accusationOf, expectGoodStanding, rowOf, setBack } from './chain.js';
import { type Answer, REFRESH_COOKIE, refreshCookie } from './http.js';
import {
  CAREFUL,
  ClientStore,
  freshKey,
  type Habits,
  Killed,
  killedAt,
  type KeyedBody,
  KeyedClient,
  type KeyedClientOptions,
  type KeyedRequest,
  type Network,
  NetworkError,
  Offline,
  type Point,
  POINTS,
  present,
  SignedOut,
  WITH_A_COOKIE,
  WITHOUT_CLAIMS,
} from './keyed-client.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What becomes of one request, and of its answer. */
export type Fault =
  | 'the request is lost'
  | 'the answer is lost'
  | 'the request comes twice'
  | 'a copy comes later'
  | 'the request comes later'
  | 'a gateway says 503'
  | 'a gateway says 429'
  | 'a gateway rewrites the header';

export type Step =
  | {
      type: 'refresh';
      server: number;
      /** What becomes of the requests of this refresh, one after the other. */
      faults: Fault[];
      killed?: { point: Point; nth: number };
      /** The key of the token before is drawn again. */
      sameKey: boolean;
    }
  /** Several tabs refresh at the same time. */
  | { type: 'together'; tabs: number; server: number }
  /** A tab stands still when its request leaves, until `thaw`. */
  | { type: 'freeze' }
  | { type: 'thaw'; server: number }
  /** What the network has held back comes to a server. */
  | { type: 'arrive'; server: number }
  | { type: 'wait'; milliseconds: number }
  /** The new secret signs on some instances, and then on all of them. */
  | { type: 'rotate the secret' }
  /** The database loses what it committed in the last steps. */
  | { type: 'lose commits'; steps: number };

export interface History {
  habits: Habits;
  /** At this generation a careful client is disturbed so often that it has to begin afresh. */
  storm?: number;
  steps: Step[];
}

const SERVERS = 3;
const server = fc.nat(SERVERS - 1);
const fault = fc.constantFrom<Fault>(
  'the request is lost',
  'the answer is lost',
  'the request comes twice',
  'a copy comes later',
  'the request comes later',
  'a gateway says 503',
  'a gateway says 429',
  'a gateway rewrites the header',
);
const milliseconds = fc.oneof(
  fc.integer({ min: 0, max: 20 * SECOND }),
  fc.constantFrom(9_999, 10_000, 10_001),
  fc.integer({ min: 0, max: 30 * MINUTE }),
  fc.integer({ min: 0, max: DAY }),
);
const ordinary: fc.MaybeWeightedArbitrary<Step>[] = [
  {
    weight: 50,
    arbitrary: fc.record({
      type: fc.constant('refresh' as const),
      server,
      faults: fc.array(fault, { maxLength: 4 }),
      killed: fc.option(fc.record({ point: fc.constantFrom(...POINTS), nth: fc.integer({ min: 1, max: 2 }) }), {
        freq: 3,
        nil: undefined,
      }),
      sameKey: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('together' as const), tabs: fc.integer({ min: 2, max: 4 }), server }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('freeze' as const) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('thaw' as const), server }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('arrive' as const), server }) },
  { weight: 40, arbitrary: fc.record({ type: fc.constant('wait' as const), milliseconds }) },
];
const rotation = { weight: 3, arbitrary: fc.record({ type: fc.constant('rotate the secret' as const) }) };
const loss = {
  weight: 8,
  arbitrary: fc.record({ type: fc.constant('lose commits' as const), steps: fc.integer({ min: 1, max: 8 }) }),
};

const among = (steps: typeof ordinary): fc.Arbitrary<History> =>
  fc.record({
    habits: fc.constantFrom(CAREFUL, CAREFUL, WITHOUT_CLAIMS, WITH_A_COOKIE),
    storm: fc.option(fc.nat(2), { nil: undefined }),
    steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 30 }),
  });

/** Histories of an honest client. */
export const histories = among(ordinary);
export const historiesWithNewSecret = among([...ordinary, rotation]);
export const historiesWithLosses = among([...ordinary, loss]);

/** Longer than this, no session is left alone. The default of the server is 7 days. */
const LONGEST_IDLE = 5 * DAY;
/** Longer than this, no history lasts. The default of the server is 30 days. */
const LONGEST_HISTORY = 24 * DAY;
/** How often one use of a token may be disturbed. The server repeats an answer three times after its window. */
const MOST_DISTURBANCES = 3;
/** In a storm the client begins afresh once, gets a late answer, and is disturbed three times again. */
const MOST_IN_A_STORM = 7;

const HELD_BACK: readonly Fault[] = ['a copy comes later', 'the request comes later'];
const DISTURBING: readonly Fault[] = ['the answer is lost', 'the request comes twice', ...HELD_BACK];

/** A packet that the network holds back. */
interface Packet {
  readonly generation: number;
  deliver(server: number): Promise<void>;
}

/** The service: instances on one database, with one clock. The last of them signs with the new secret. */
export interface Service {
  instances: AuthApp[];
  clock: ManualClock;
}

/**
 * Runs a history, and expects that the client is never accused and never signed out. Only if the database loses commits,
 * the session may end: a late packet can then be an old token of which nobody knows anything.
 *
 * @returns whether the session lives
 */
export async function runHistory(service: Service, history: History): Promise<boolean> {
  const { instances, clock } = service;
  const { habits, storm, steps } = history;
  for (const { events } of instances) events.length = 0;
  const store = new ClientStore();
  const startedAt = clock.now();
  const losesCommits = steps.some(({ type }) => type === 'lose commits');
  let ended = false;
  let secret = 0;
  let usedAt = startedAt;
  let packets: Packet[] = [];
  /** A tab that stands still. */
  let frozen: Packet | undefined;
  /** The highest generation that the server has given out. */
  let highest = 0;
  let disturbances = { generation: 0, count: 0 };
  let lastKey: { key: string; generation: number } | undefined;
  const tokens = new Map<number, Set<string>>();
  const generations = new Map<string, number>();
  const generationOf = ({ headers, body }: KeyedRequest) =>
    generations.get(body.refresh_token ?? headers.cookie.slice(`${REFRESH_COOKIE}=`.length))!;

  /** Before the rotation of the secret the first two sign, with the old one; then the first and the last; then the last. */
  const urlOf = (turn: number) => {
    const signing = [instances.slice(0, 2), [instances[0], instances[2]], instances.slice(2)][secret];
    return signing[turn % signing.length].url;
  };

  const deliver = async (turn: number, request: KeyedRequest): Promise<Answer<KeyedBody>> => {
    const answer = await present(urlOf(turn), request);
    ended ||= losesCommits && answer.status === 401;
    // Nobody tells an honest client that its token is not valid.
    if (!ended) expect([200, 409, 503], JSON.stringify(answer.body)).toContain(answer.status);
    if (answer.status !== 200) return answer;
    usedAt = clock.now();
    const { generation, refresh_token = refreshCookie(answer)! } = answer.body;
    highest = Math.max(highest, generation);
    generations.set(refresh_token, generation);
    tokens.set(generation, (tokens.get(generation) ?? new Set()).add(refresh_token));
    return answer;
  };

  const mayDisturb = (generation: number) => {
    if (disturbances.generation !== generation) disturbances = { generation, count: 0 };
    const inStorm = habits.claims && generation === storm;
    return ++disturbances.count <= (inStorm ? MOST_IN_A_STORM : MOST_DISTURBANCES);
  };

  /** No packet lives for longer than two more uses. */
  const deliverOverdue = async (turn: number) => {
    const isOverdue = ({ generation }: Packet) => generation < highest - 1;
    const overdue = packets.filter(isOverdue);
    packets = packets.filter((packet) => !isOverdue(packet));
    for (const packet of overdue) await packet.deliver(turn);
    if (!frozen || !isOverdue(frozen)) return;
    await thaw(turn);
    // The tab has gone on, with another refresh.
    await deliverOverdue(turn);
  };

  const thaw = async (turn: number) => {
    const packet = frozen;
    frozen = undefined;
    await packet?.deliver(turn);
  };

  /**
   * After a kill, the cookie can be ahead of the ledger. The key of such a request is forgotten with the next token. So it
   * must not come after two more uses.
   */
  const isJarAhead = () => habits.transport === 'cookie' && generations.get(store.jar!) !== store.read()!.generation;

  const disturbed = (turn: number, faults: Fault[]): Network => {
    const left = [...faults];
    return async (request) => {
      const generation = generationOf(request);
      let fault = left.shift();
      if (fault && HELD_BACK.includes(fault) && isJarAhead()) fault = undefined;
      if (fault && DISTURBING.includes(fault) && !mayDisturb(generation)) fault = undefined;
      const later = { generation, deliver: async (at: number) => void (await deliver(at, request)) };
      switch (fault) {
        case 'the request is lost':
          throw new NetworkError(fault);
        case 'the answer is lost':
          await deliver(turn, request);
          throw new NetworkError(fault);
        case 'the request comes twice':
          return (await Promise.all([deliver(turn, request), deliver(turn + 1, request)]))[0];
        case 'a copy comes later':
          packets.push(later);
          return deliver(turn, request);
        case 'the request comes later':
          packets.push(later);
          throw new NetworkError(fault);
        case 'a gateway says 503':
        case 'a gateway says 429':
          return gatewayAnswer(Number(fault.slice(-3)));
        case 'a gateway rewrites the header':
          return deliver(turn, { ...request, headers: { ...request.headers, 'idempotency-key': freshKey() } });
        default:
          return deliver(turn, request);
      }
    };
  };

  /** A tab of the client. Killed, or without a network, it goes on later. */
  const refresh = async (network: Network, options: Partial<KeyedClientOptions> = {}, sameKey = false) => {
    const { generation } = store.read()!;
    // A generator of random numbers that repeats itself: but never for the same token.
    let again = sameKey && lastKey && lastKey.generation !== generation ? lastKey.key : undefined;
    const drawKey = () => {
      const key = again ?? freshKey();
      again = undefined;
      lastKey = { key, generation };
      return key;
    };
    const wait = (time: number) => clock.advance(time);
    const tab = new KeyedClient({ url: urlOf(0), habits, store, wait, network, drawKey, ...options });
    await tab.refresh().catch((error: unknown) => {
      if (!(error instanceof Killed || error instanceof Offline || (error instanceof SignedOut && ended))) throw error;
    });
  };

  const signIn = new KeyedClient({ url: urlOf(0), habits, store, wait: () => undefined });
  const { session_id: sessionId } = (await signIn.login()).body;
  generations.set(signIn.token, 0);
  /** Copies of the row, one for each step. */
  const rows: RefreshToken[] = [];

  const run = async (action: Step) => {
    switch (action.type) {
      case 'refresh': {
        const { killed, sameKey, server: turn, faults } = action;
        const kills = killed && mayDisturb(store.read()!.generation);
        const at = kills ? killedAt(killed.point, killed.nth) : undefined;
        return refresh(disturbed(turn, faults), { at }, sameKey);
      }
      case 'together':
        return Promise.all(
          Array.from({ length: action.tabs }, (_, tab) => refresh(disturbed(action.server + tab, []))),
        );
      case 'freeze':
        if (!frozen && !isJarAhead() && mayDisturb(store.read()!.generation)) frozen = await freeze();
        return;
      case 'thaw':
        return thaw(action.server);
      case 'arrive':
        return packets.shift()?.deliver(action.server);
      case 'wait': {
        const now = clock.now() + action.milliseconds;
        if (now - usedAt < LONGEST_IDLE && now - startedAt < LONGEST_HISTORY) clock.advance(action.milliseconds);
        return;
      }
      case 'rotate the secret':
        secret = Math.min(secret + 1, 2);
        return;
      case 'lose commits':
        return setBack(instances[0], rows.at(-action.steps) ?? rows[0]);
    }
  };

  /** Resolves when the request of the tab has left. */
  const freeze = () =>
    new Promise<Packet>((resolve) => {
      let arrive: (turn: number) => void;
      const arrived = new Promise<number>((resolveArrived) => (arrive = resolveArrived));
      const refreshed = refresh(async (request) => {
        const deliverTo = async (turn: number) => {
          arrive(turn);
          await refreshed;
        };
        resolve({ generation: generationOf(request), deliver: deliverTo });
        return deliver(await arrived, request);
      });
      // It is awaited when the tab goes on.
      refreshed.catch(() => undefined);
    });

  for (const action of steps) {
    await deliverOverdue(0);
    if (losesCommits) rows.push(await rowOf(instances[0], sessionId));
    await run(action);
    for (const instance of instances) {
      const accusation = accusationOf(instance, sessionId);
      if (!ended) expect(accusation).toBeUndefined();
      else if (accusation) expect(accusation.type).toBe('reuse_detected');
    }
    if (ended) return false;
  }

  await deliverOverdue(0);
  await thaw(0);
  for (let turn = 0; turn < 3 && !ended; turn++) {
    await deliverOverdue(turn);
    const before = store.read()!.generation;
    await refresh(disturbed(turn, []));
    if (!ended) expect(store.read()!.generation).toBeGreaterThan(before);
    clock.advance(12 * MINUTE);
  }
  for (const packet of packets) await packet.deliver(0);
  if (ended) return false;
  await expectGoodStanding(instances[0], sessionId);
  // A token has one spelling for each secret.
  for (const spellings of tokens.values()) expect(spellings.size).toBeLessThanOrEqual(secret === 0 ? 1 : 2);
  return true;
}

function gatewayAnswer(status: number): Answer<KeyedBody> {
  const headers = new Headers({ 'retry-after': '1' });
  return { status, headers, body: { error: 'gateway' } as KeyedBody };
}
