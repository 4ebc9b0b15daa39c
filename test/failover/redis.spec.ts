import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { expectSoon, signIn } from '../support/demo-service.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { bearer, refresh, send } from '../support/http.js';
import { SECOND } from '../support/listening.js';
import { expectNothingLost, Population, print } from '../support/population.js';
import { RedisServer, redisServersAvailable, startRedisCluster } from '../support/redis-servers.js';

/** Milliseconds for which a fault lasts. */
const FAULT = 5 * SECOND;
/** Milliseconds within which new proofs are accepted again after a fault has begun. */
const LONGEST_REFUSAL = 15 * SECOND;

interface Faulty {
  /** `REDIS_URL`. */
  url: string;
  faults: Record<string, () => Promise<void>>;
  stop(): Promise<void>;
}

const setups: Record<string, () => Promise<Faulty>> = {
  async Redis() {
    const server = await RedisServer.start();
    return {
      url: server.url,
      stop: () => server.kill(),
      faults: {
        async 'paused for 5 s'() {
          server.signal('SIGSTOP');
          await sleep(FAULT);
          server.signal('SIGCONT');
        },
        async 'killed, and back empty after 5 s'() {
          await server.kill();
          await sleep(FAULT);
          await server.start();
        },
        async 'back empty at once'() {
          await server.kill();
          await server.start();
        },
      },
    };
  },
  async 'a Redis cluster'() {
    const { servers, stop } = await startRedisCluster();
    return {
      url: servers.map(({ url }) => url).join(','),
      stop,
      faults: {
        async 'one master killed'() {
          await servers[0].kill();
          await sleep(FAULT);
        },
      },
    };
  },
};

/** The names of the faults, which must be known before a server runs. */
const FAULTS: Record<string, string[]> = {
  Redis: ['paused for 5 s', 'killed, and back empty after 5 s', 'back empty at once'],
  'a Redis cluster': ['one master killed'],
};

/** A session bound to a key, which refreshes all the time. Each of its proofs is replayed. */
class BoundSession {
  readonly codes: Record<string, number> = {};
  /** Replays that were accepted. */
  accepted = 0;
  /** Answers 503 without `Retry-After`. */
  withoutRetryAfter = 0;
  /** Milliseconds of the longest time without an accepted proof. */
  longestRefusal = 0;
  private token = '';
  private readonly proofs: string[] = [];
  private acceptedAt = performance.now();

  private constructor(private readonly client: DpopClient) {}

  static async signIn({ url }: DemoProcess): Promise<BoundSession> {
    const session = new BoundSession(new DpopClient(await generateProofKey(), url, () => Date.now()));
    const { body } = await session.client.login({ username: 'bob', password: 'bob-password', transport: 'body' });
    session.token = body.refresh_token;
    return session;
  }

  async refreshUntil(isOver: () => boolean): Promise<void> {
    this.acceptedAt = performance.now();
    while (!isOver()) {
      const proof = await this.client.proof('POST', '/auth/refresh');
      const { status, body, headers } = await refresh(this.client.url, this.token, { dpop: proof });
      const code = [200, 503].includes(status) ? String(status) : `${status} ${body.error}`;
      this.codes[code] = (this.codes[code] ?? 0) + 1;
      if (status === 503 && !headers.has('retry-after')) this.withoutRetryAfter++;
      if (status === 200) {
        const now = performance.now();
        this.longestRefusal = Math.max(this.longestRefusal, now - this.acceptedAt);
        this.acceptedAt = now;
        this.proofs.push(proof);
        this.token = body.refresh_token;
      }
      await this.replay();
      await sleep(150);
    }
  }

  /** Presents every proof of the last time again, with the token that would be good. */
  private async replay(): Promise<void> {
    for (const proof of this.proofs.slice(-12)) {
      const answer = await refresh(this.client.url, this.token, { dpop: proof });
      if (answer.status === 200) this.accepted++;
    }
  }
}

describe.skipIf(!redisServersAvailable).each(Object.entries(setups))('%s', (name, start) => {
  let redis: Faulty;
  let database: TestDatabase;
  let demos: DemoProcess[];
  let dataSource: DataSource;
  beforeAll(async () => {
    redis = await start();
    database = await databaseNamed('postgres').create();
    demos = [];
    for (let count = 0; count < 2; count++) {
      // A rule asks for a step-up after sixty refreshes within an hour.
      const settings = { DATABASE_URL: database.url!, REDIS_URL: redis.url, RISK_RULES: 'off' };
      demos.push(await startDemo({ ...settings, AUTH_SECRET: SECRET }));
    }
    dataSource = await new DataSource(database.options([], [])).initialize();
  });
  afterAll(async () => {
    await dataSource?.destroy();
    for (const demo of demos ?? []) await demo.stop();
    await database?.drop();
    await redis?.stop();
  });

  it.each(FAULTS[name])('%s: no session is lost, no proof is accepted twice', { timeout: 300_000 }, async (fault) => {
    const plan = { careful: 30, keyless: 10, robbed: 1, robbedKeyless: 0 };
    const population = await Population.signIn(
      demos.map(({ url }) => url),
      plan,
    );
    const bound = await Promise.all([...demos, ...demos].map((demo) => BoundSession.signIn(demo)));
    population.start();
    let isOver = false;
    const running = bound.map((session) => session.refreshUntil(() => isOver));
    await sleep(4 * SECOND);

    population.faultBegins();
    const begun = performance.now();
    const caused = redis.faults[fault]();
    const [ended, spared] = [await signIn(demos[0], 'alice'), await signIn(demos[0], 'alice')];
    expect((await send('POST', `${demos[0].url}/auth/logout`, { headers: bearer(ended.accessToken) })).status).toBe(
      204,
    );
    await expectSoon(demos, ended.accessToken, 'token_revoked');
    await expectSoon(demos, spared.accessToken, 'accepted');
    const arrived = performance.now() - begun;
    await caused;
    population.faultEnds();
    await sleep(6 * SECOND);
    isOver = true;
    await Promise.all(running);
    const report = await population.finish(dataSource);

    const longest = Math.max(...bound.map(({ longestRefusal }) => longestRefusal));
    print(`${name} ${fault}`, report);
    const codes: Record<string, number> = {};
    for (const session of bound) {
      for (const [code, count] of Object.entries(session.codes)) codes[code] = (codes[code] ?? 0) + count;
    }
    process.stdout.write(
      `${name} ${fault}: bound sessions ${JSON.stringify(codes)}, longest time without a refresh ${Math.round(longest)} ms, ` +
        `a revocation arrived after ${Math.round(arrived)} ms\n`,
    );
    expectNothingLost(report);
    expect(bound.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(0);
    expect(bound.reduce((sum, { withoutRetryAfter }) => sum + withoutRetryAfter, 0)).toBe(0);
    expect(Object.keys(codes).filter((code) => !['200', '503'].includes(code))).toEqual([]);
    expect(longest).toBeLessThan(LONGEST_REFUSAL);
  });
});
