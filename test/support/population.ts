import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { expect } from 'vitest';
import { type Answer, bearer, send } from './http.js';
import {
  CAREFUL,
  ClientStore,
  type Habits,
  Killed,
  type KeyedBody,
  KeyedClient,
  type KeyedRequest,
  NetworkError,
  Offline,
  type Point,
  present,
  SignedOut,
  WITHOUT_KEYS,
} from './keyed-client.js';
import { SECOND } from './listening.js';
import { seeded } from './seeded.js';

export interface PopulationPlan {
  /** Honest clients with keys and claims. */
  readonly careful?: number;
  /** Honest clients that only keep the last token that they stored. */
  readonly keyless?: number;
  /** Owners with keys and claims, each with a thief who goes on in lock-step from a copy of the owner's device. */
  readonly robbed?: number;
  /** Owners without keys, each with a thief who presents one stolen token again and again. */
  readonly robbedKeyless?: number;
  /** Milliseconds between two refreshes of a client with keys. */
  readonly pace?: number;
  /**
   * Milliseconds between two refreshes of a client without keys. Longer than the window: a window begins with the first
   * rotation of a burst, so a token that is rotated late in it has little time left.
   */
  readonly keylessPace?: number;
  /** Milliseconds after which a client hangs up. */
  readonly patience?: number;
  /** How often, of 1, a client with keys is killed before it stores an answer. One without keys may lose its session. */
  readonly killed?: number;
  readonly seed?: number;
}

export interface FaultReport {
  /** Honest sessions. */
  readonly sessions: number;
  /** Honest sessions that ended, by the habit of their client. */
  readonly lost: { careful: number; keyless: number };
  /** Honest sessions whose row says that they ended by reuse, or by a shared token. */
  readonly falseReuse: number;
  /** The most tokens that were given out for one generation of one session. */
  readonly liveSuccessors: number;
  readonly thieves: number;
  readonly thievesFound: number;
  /** How often each status was answered to an honest client since the fault; `0` for no answer. */
  readonly codes: Readonly<Record<string, number>>;
  /** Answers 503 to an honest client without `Retry-After`. */
  readonly withoutRetryAfter: number;
  /** Access tokens of honest clients that a guarded route refused. */
  readonly accessTokensRefused: number;
  /** Refreshes of honest clients that were answered with 200. */
  readonly refreshes: number;
  /** Milliseconds from the end of the fault until each honest client with keys had refreshed. */
  readonly recovery: number;
  /** What the clients of lost sessions did last, and those that did not recover. */
  readonly stories: readonly string[];
}

const DEFAULTS = {
  careful: 40,
  keyless: 20,
  robbed: 4,
  robbedKeyless: 2,
  pace: SECOND,
  keylessPace: 12 * SECOND,
  patience: 2.5 * SECOND,
  killed: 0.05,
} satisfies PopulationPlan;

/** Milliseconds until a client runs again that was killed, or that nobody answered. */
const ASKS_AGAIN = SECOND;
/** Milliseconds. The clients have refreshed several times by then. */
const UNTIL_THE_FAULT = 5 * SECOND;
/** Milliseconds from the first request until the last thief has stolen. */
const THEFTS_WITHIN = 5 * SECOND;
/** Milliseconds between two requests of a thief with a stolen token. Longer than the window. */
const THIEF_WAITS = 12 * SECOND;
/** Milliseconds. */
const LONGEST_RECOVERY = 60 * SECOND;
/** Milliseconds in which a planted thief must be found after the fault. */
const LONGEST_HUNT = 90 * SECOND;

const LONGEST_STORY = 12;

const REUSE = ['reuse_detected', 'token_shared'];

/**
 * Many clients of one service that refresh all the time, while a test causes a fault. Each client asks the next
 * instance with each request, keeps the last token that it stored, and is sometimes killed before it stores one.
 *
 * @example
 * const population = await Population.signIn(demos.map(({ url }) => url));
 * population.start();
 * await sleep(5_000);
 * population.faultBegins();
 * await server.restart();
 * population.faultEnds();
 * const report = await population.finish(dataSource);
 * print('PostgreSQL restarted', report);
 * expectNothingLost(report);
 */
export class Population {
  private readonly members: Member[] = [];
  private readonly running: Promise<void>[] = [];
  /** The tokens that were given out, by session and generation. */
  private readonly given = new Map<string, Set<string>>();
  private codes: Record<string, number> = {};
  private withoutRetryAfter = 0;
  private accessTokensRefused = 0;
  private faultEndedAt = 0;
  private readonly chance: () => number;
  private readonly plan: Required<PopulationPlan>;
  /** Whether the members go on. */
  alive = true;

  private constructor(
    /** The addresses of the instances. A test may change them. */
    readonly urls: string[],
    plan: PopulationPlan,
  ) {
    this.plan = { ...DEFAULTS, seed: randomInt(1_000_000), ...plan };
    this.chance = seeded(this.plan.seed);
  }

  /** @param urls the addresses of the instances; `urls` of the population may be changed later */
  static async signIn(urls: readonly string[], plan: PopulationPlan = {}): Promise<Population> {
    const population = new Population([...urls], plan);
    const { careful, keyless, robbed, robbedKeyless } = population.plan;
    const join = async (count: number, habits: Habits, isRobbed: boolean) => {
      for (let index = 0; index < count; index++) {
        const member = new Member(population, habits, isRobbed);
        await member.login(population.urls[index % population.urls.length]);
        population.members.push(member);
      }
    };
    await join(careful, CAREFUL, false);
    await join(keyless, WITHOUT_KEYS, false);
    await join(robbed, CAREFUL, true);
    await join(robbedKeyless, WITHOUT_KEYS, true);
    return population;
  }

  get honest(): readonly Member[] {
    return this.members.filter(({ isRobbed }) => !isRobbed);
  }

  /** The clients refresh from now on. */
  start(): void {
    for (const member of this.members) {
      this.running.push(member.live());
      if (member.isRobbed) this.running.push(member.rob());
    }
  }

  /** From now on the answers are counted. */
  faultBegins(): void {
    this.codes = {};
    this.withoutRetryAfter = 0;
  }

  /** The recovery time counts from now. */
  faultEnds(): void {
    this.faultEndedAt = performance.now();
  }

  /** Waits until all have recovered and each thief is found, and ends. */
  async finish(dataSource: DataSource): Promise<FaultReport> {
    const refreshedSince =
      (since: number) =>
      ({ isSignedOut, refreshedAt }: Member) =>
        isSignedOut || refreshedAt > since;
    await until(LONGEST_RECOVERY, () => this.honest.every(refreshedSince(this.faultEndedAt)));
    const careful = this.honest.filter(({ habits, isSignedOut }) => habits === CAREFUL && !isSignedOut);
    const recovery = Math.max(...careful.map(({ firstSince }) => firstSince(this.faultEndedAt))) - this.faultEndedAt;
    const robbed = this.members.filter(({ isRobbed }) => isRobbed);
    await until(LONGEST_HUNT, () => robbed.every(({ isSignedOut }) => isSignedOut));
    // A false accusation may come with the next refreshes.
    const seen = performance.now();
    await until(LONGEST_RECOVERY, () => this.honest.every(refreshedSince(seen)));
    this.alive = false;
    await Promise.all(this.running);

    const reasons = await reasonsIn(dataSource);
    const lost = this.honest.filter(({ isSignedOut, refreshedAt }) => isSignedOut || refreshedAt < seen);
    return {
      sessions: this.honest.length,
      lost: {
        careful: lost.filter(({ habits }) => habits === CAREFUL).length,
        keyless: lost.filter(({ habits }) => habits === WITHOUT_KEYS).length,
      },
      falseReuse: this.honest.filter(({ sessionId }) => REUSE.includes(reasons.get(sessionId)!)).length,
      liveSuccessors: Math.max(...[...this.given.values()].map(({ size }) => size)),
      thieves: robbed.length,
      // A row of a restored backup may have forgotten it.
      thievesFound: robbed.filter((one) => one.isSignedOut || REUSE.includes(reasons.get(one.sessionId)!)).length,
      codes: this.codes,
      withoutRetryAfter: this.withoutRetryAfter,
      accessTokensRefused: this.accessTokensRefused,
      refreshes: this.honest.reduce((sum, { refreshes }) => sum + refreshes, 0),
      recovery: Math.round(recovery),
      stories: [...lost, ...careful.filter(({ firstSince }) => firstSince(this.faultEndedAt) === Infinity)].map(
        ({ sessionId, story }) => [sessionId, ...story].join('\n  '),
      ),
    };
  }

  /** Milliseconds to wait until the next refresh: at least the pace, and at most half as long again. */
  pauseOf({ habits }: Member): number {
    const pace = habits === CAREFUL ? this.plan.pace : this.plan.keylessPace;
    return pace * (1 + this.chance() / 2);
  }

  isKilled({ habits }: Member): boolean {
    return habits === CAREFUL && this.chance() < this.plan.killed;
  }

  /** The time of a theft, in milliseconds since the start. */
  get theft(): number {
    return this.chance() * THEFTS_WITHIN;
  }

  /** Sends a request of a client to an instance. */
  async ask(member: Member, url: string, request: KeyedRequest): Promise<Answer<KeyedBody>> {
    const startedAt = performance.now();
    const answer = await present(url, request, AbortSignal.timeout(this.plan.patience)).catch((error: unknown) => {
      this.count(member, 0);
      member.tell(startedAt, url, request, 'no answer');
      throw new NetworkError('Nobody answered.', { cause: error });
    });
    this.count(member, answer.status, answer);
    member.tell(startedAt, url, request, `${answer.status} ${answer.body.error ?? answer.body.generation}`);
    if (answer.status === 200) this.note(member, answer.body);
    return answer;
  }

  /** Uses an access token at a guarded route. */
  async useAccessToken(member: Member, url: string, accessToken: string): Promise<void> {
    const signal = AbortSignal.timeout(this.plan.patience);
    const answer = await send('GET', `${url}/profile`, { headers: bearer(accessToken), signal }).catch(() => undefined);
    if (answer?.status === 401 && !member.isRobbed) this.accessTokensRefused++;
  }

  private count({ isRobbed }: Member, status: number, answer?: Answer): void {
    if (isRobbed) return;
    this.codes[status] = (this.codes[status] ?? 0) + 1;
    if (status === 503 && !answer?.headers.has('retry-after')) this.withoutRetryAfter++;
  }

  private note({ sessionId }: Member, { generation, refresh_token: token }: KeyedBody): void {
    const key = `${sessionId} ${generation}`;
    this.given.set(key, (this.given.get(key) ?? new Set()).add(token));
  }
}

/** One session: its owner, and its thief if it has one. */
class Member {
  sessionId = '';
  isSignedOut = false;
  refreshes = 0;
  /** When a refresh ended last, by the monotonic clock. */
  refreshedAt = 0;
  private readonly refreshed: number[] = [];
  private client: KeyedClient | undefined;
  private accessToken = '';
  private turn = randomInt(1_000);

  constructor(
    private readonly population: Population,
    readonly habits: Habits,
    readonly isRobbed: boolean,
  ) {}

  async login(url: string): Promise<void> {
    this.client = this.clientWith(new ClientStore(), url);
    const { body } = await this.client.login();
    this.sessionId = body.session_id;
  }

  /** The latest requests. */
  readonly story: string[] = [];

  tell(startedAt: number, url: string, { body }: KeyedRequest, answer: string): void {
    const time = new Date(performance.timeOrigin + startedAt).toISOString();
    const took = Math.round(performance.now() - startedAt);
    const presented = generationIn(body.refresh_token);
    this.story.push(`${time} ${url} generation ${presented}: ${answer} after ${took} ms`);
    if (this.story.length > LONGEST_STORY) this.story.shift();
  }

  /** When the first refresh after that time ended. */
  firstSince = (since: number): number => this.refreshed.find((at) => at > since) ?? Infinity;

  /** Refreshes until the session or the test ends. */
  async live(): Promise<void> {
    while (this.population.alive && !this.isSignedOut) {
      const refreshed = await this.refreshOnce(this.client!.restarted({ at: (point) => this.mayBeKilled(point) }));
      // Who has no new token asks again at once.
      await this.whileAlive(refreshed ? this.population.pauseOf(this) : ASKS_AGAIN);
    }
  }

  /** The thief copies the device, and uses the copy until the session or the test ends. */
  async rob(): Promise<void> {
    await sleep(this.population.theft);
    const stolen = this.client!.store.copy();
    if (this.habits === CAREFUL) await this.goOnInLockStep(stolen);
    else await this.presentAgain(stolen);
  }

  /** Resolves to whether the client has stored a new token. */
  private async refreshOnce(client: KeyedClient): Promise<boolean> {
    const { refreshes } = this;
    try {
      const { body } = await client.refresh();
      this.accessToken = body.access_token;
      this.refreshes++;
      this.refreshedAt = performance.now();
      this.refreshed.push(this.refreshedAt);
    } catch (error) {
      if (error instanceof SignedOut) this.isSignedOut = true;
      else if (error instanceof Killed) this.story.push('killed');
      else if (!(error instanceof Offline)) throw error;
    }
    if (this.accessToken) await this.population.useAccessToken(this, this.nextUrl(), this.accessToken);
    return this.refreshes > refreshes;
  }

  private mayBeKilled(point: Point): void {
    if (point === 'when the answer has come' && this.population.isKilled(this)) throw new Killed(point);
  }

  private async goOnInLockStep(stolen: ClientStore): Promise<void> {
    const thief = this.clientWith(stolen);
    while (this.population.alive && !this.isSignedOut) {
      await thief.refresh().catch(() => undefined);
      await this.whileAlive(this.population.pauseOf(this));
    }
  }

  private async presentAgain(stolen: ClientStore): Promise<void> {
    const { token } = stolen.read()!;
    while (this.population.alive && !this.isSignedOut) {
      await this.population
        .ask(this, this.nextUrl(), { headers: {}, body: { refresh_token: token } })
        .catch(() => undefined);
      await this.whileAlive(THIEF_WAITS);
    }
  }

  private async whileAlive(milliseconds: number): Promise<void> {
    await until(milliseconds, () => !this.population.alive || this.isSignedOut);
  }

  private clientWith(store: ClientStore, url = this.nextUrl()): KeyedClient {
    return new KeyedClient({
      url,
      store,
      habits: this.habits,
      wait: (milliseconds) => sleep(milliseconds),
      network: (request) => this.population.ask(this, this.nextUrl(), request),
    });
  }

  private nextUrl(): string {
    const { urls } = this.population;
    return urls[this.turn++ % urls.length];
  }
}

/** The generation of a token. Nobody but a test should read it. */
function generationIn(token: string | undefined): number | undefined {
  return token === undefined ? undefined : Buffer.from(token.slice('nrt_'.length), 'base64url').readUInt32BE(20);
}

/** Whether it came true in time. */
async function until(milliseconds: number, isTrue: () => boolean): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (!isTrue()) {
    if (performance.now() > end) return false;
    await sleep(50);
  }
  return true;
}

async function reasonsIn(dataSource: DataSource): Promise<Map<string, string | null>> {
  const rows = (await dataSource.query('SELECT id, revoked_reason FROM refresh_tokens')) as {
    id: string;
    revoked_reason: string | null;
  }[];
  return new Map(rows.map(({ id, revoked_reason: reason }) => [id, reason]));
}

/** Prints what a fault did, in one line. */
export function print(title: string, report: FaultReport): void {
  const { sessions, lost, falseReuse, liveSuccessors, thieves, thievesFound, codes, recovery, refreshes } = report;
  const statuses = Object.entries(codes).map(([status, count]) => `${status === '0' ? 'no answer' : status}: ${count}`);
  for (const story of report.stories) process.stdout.write(`lost: ${story}\n`);
  process.stdout.write(
    `${title}: ${sessions} sessions, lost ${lost.careful + lost.keyless} (with keys ${lost.careful}, without ${lost.keyless}), ` +
      `false reuse ${falseReuse}, live successors ${liveSuccessors}, thieves found ${thievesFound} of ${thieves}, ` +
      `${refreshes} refreshes, codes { ${statuses.join(', ')} }, recovery ${recovery} ms\n`,
  );
}

/**
 * Causes a fault while the clients refresh, prints what they saw, and expects that nothing was lost.
 *
 * @param cause resolves when the fault is over
 */
export async function expectToSurvive(
  title: string,
  population: Population,
  dataSource: DataSource,
  cause: () => Promise<unknown>,
): Promise<void> {
  population.start();
  await sleep(UNTIL_THE_FAULT);
  population.faultBegins();
  await cause();
  population.faultEnds();
  const report = await population.finish(dataSource);
  print(title, report);
  expectNothingLost(report);
}

/** Statuses that an honest client may get while the service has a fault. */
const ALLOWED = ['0', '200', '409', '503'];

/** No honest session ended, each generation had one token, each thief was found, and 503 was the worst answer. */
export function expectNothingLost(report: FaultReport): void {
  const { lost, falseReuse, liveSuccessors, thieves, thievesFound, codes, withoutRetryAfter } = report;
  expect({ lost, falseReuse, liveSuccessors, thievesFound, withoutRetryAfter }).toEqual({
    lost: { careful: 0, keyless: 0 },
    falseReuse: 0,
    liveSuccessors: 1,
    thievesFound: thieves,
    withoutRetryAfter: 0,
  });
  expect(report.accessTokensRefused, 'refused access tokens').toBe(0);
  expect(Object.keys(codes).filter((status) => !ALLOWED.includes(status))).toEqual([]);
}
