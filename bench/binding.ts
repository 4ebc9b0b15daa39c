import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { BindingKind } from 'nestjs-refresh-token/binding';
import { redisAnswers } from '../test/support/reachable.js';
import type { Workload } from './load/measure.js';
import { measureInTurn } from './load/measure-in-turn.js';
import { rounded } from './result.js';
import { createMigratedDatabase } from './servers/database.js';
import { type Leaving, startBoundServer } from './servers/start-servers.js';
import { gettingBound, refreshingBound, signInBound } from './workloads/bound-session.js';

/** What a kind of binding costs; `of_none` compares with sessions that are bound to nothing, in the same run. */
export interface BindingFigures {
  per_second: number;
  p99_ms: number;
  of_none: number;
}

export interface BindingResult {
  refresh: Record<string, BindingFigures>;
  guard: Record<string, BindingFigures>;
}

const CONNECTIONS = 16;
const DURATION = 600;
const REDIS = process.env.TEST_REDIS_URL || 'redis://127.0.0.1:6379';

export async function measureBinding(rounds: number, signal: AbortSignal): Promise<BindingResult> {
  const leaving: Leaving = [];
  try {
    const database = await createMigratedDatabase();
    leaving.push(database.drop);
    const env = { DATABASE_URL: database.url, AUTH_SECRET: randomBytes(48).toString('base64') };
    const plain = await startBoundServer(env, leaving);
    const recognising = await startBoundServer({ ...env, FINGERPRINT: '1' }, leaving);
    const withRedis = (await redisAnswers(REDIS))
      ? await startBoundServer({ ...env, REDIS_URL: REDIS }, leaving)
      : undefined;

    const refreshing = async (port: number, kind?: BindingKind) =>
      refreshingBound(port, await signInBound(port, kind, CONNECTIONS));
    const getting = async (port: number, kind?: BindingKind) =>
      gettingBound(port, await signInBound(port, kind, CONNECTIONS));
    const refresh: Record<string, Workload> = {
      none: await refreshing(plain),
      fingerprint: await refreshing(recognising),
      nonce: await refreshing(plain, 'nonce'),
      tls: await refreshing(plain, 'tls'),
      dpop: await refreshing(plain, 'dpop'),
    };
    const guard: Record<string, Workload> = {
      none: await getting(plain),
      tls: await getting(plain, 'tls'),
      dpop: await getting(plain, 'dpop'),
    };
    if (withRedis !== undefined) {
      refresh.dpop_redis = await refreshing(withRedis, 'dpop');
      guard.dpop_redis = await getting(withRedis, 'dpop');
    }

    const workloads = [...Object.values(refresh), ...Object.values(guard)];
    const measured = await measureInTurn(workloads, { rounds, duration: DURATION, signal });
    const figures = (kinds: Record<string, Workload>) => {
      const none = measured.get(kinds.none)!;
      return Object.fromEntries(
        Object.entries(kinds).map(([kind, workload]): [string, BindingFigures] => {
          const { perSecond, p99 } = measured.get(workload)!;
          return [
            kind,
            { per_second: Math.round(perSecond), p99_ms: rounded(p99), of_none: rounded(perSecond / none.perSecond) },
          ];
        }),
      );
    };
    return { refresh: figures(refresh), guard: figures(guard) };
  } finally {
    for (const leave of leaving.reverse()) await leave();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await measureBinding(4, new AbortController().signal), undefined, 2));
}
