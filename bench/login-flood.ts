// What a flood of logins does to sessions that refresh: npx tsx bench/login-flood.ts
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Workload } from './load/measure.js';
import { measureInTurn } from './load/measure-in-turn.js';
import { rounded } from './result.js';
import { createMigratedDatabase } from './servers/database.js';
import { type Leaving, startBoundServer } from './servers/start-servers.js';
import { refreshingBound, signInBound } from './workloads/bound-session.js';
import { flooded } from './workloads/flooded.js';

/** Milliseconds; `of_quiet` compares with the same without a flood, in the same run. */
export interface FloodFigures {
  p50_ms: number;
  p99_ms: number;
  p50_of_quiet: number;
  p99_of_quiet: number;
}

/** Refreshes of sessions without a binding and with DPoP. */
export interface FloodResult {
  logins: number;
  refresh: Record<'quiet' | 'flood' | 'flood_unbounded', FloodFigures>;
  dpop: Record<'quiet' | 'flood' | 'flood_unbounded', FloodFigures>;
}

const LOGINS = 200;
const CONNECTIONS = 4;
/** Milliseconds. */
const DURATION = 3_000;

/** @param rounds each takes half a minute */
export async function measureLoginFlood(rounds: number, signal: AbortSignal): Promise<FloodResult> {
  const leaving: Leaving = [];
  try {
    const database = await createMigratedDatabase();
    leaving.push(database.drop);
    const env = { DATABASE_URL: database.url, AUTH_SECRET: randomBytes(48).toString('base64'), HASH: '1' };
    const bounded = await startBoundServer(env, leaving);
    const unbounded = await startBoundServer({ ...env, PASSWORD_CHECKS: '10000' }, leaving);

    const workloads = async (kind?: 'dpop') => {
      const [refreshing, refreshingElsewhere] = [
        refreshingBound(bounded, await signInBound(bounded, kind, CONNECTIONS)),
        refreshingBound(unbounded, await signInBound(unbounded, kind, CONNECTIONS)),
      ];
      return {
        quiet: refreshing,
        flood: flooded(bounded, LOGINS, refreshing),
        flood_unbounded: flooded(unbounded, LOGINS, refreshingElsewhere),
      };
    };
    const refresh = await workloads();
    const dpop = await workloads('dpop');

    const all = [...Object.values(refresh), ...Object.values(dpop)];
    const measured = await measureInTurn(all, { rounds, duration: DURATION, signal });
    const figures = (workload: Workload, quietly: Workload): FloodFigures => {
      const [{ p50, p99 }, quiet] = [measured.get(workload)!, measured.get(quietly)!];
      return {
        p50_ms: rounded(p50),
        p99_ms: rounded(p99),
        p50_of_quiet: rounded(p50 / quiet.p50),
        p99_of_quiet: rounded(p99 / quiet.p99),
      };
    };
    const compared = ({ quiet, flood, flood_unbounded }: typeof refresh) => ({
      quiet: figures(quiet, quiet),
      flood: figures(flood, quiet),
      flood_unbounded: figures(flood_unbounded, quiet),
    });
    return { logins: LOGINS, refresh: compared(refresh), dpop: compared(dpop) };
  } finally {
    for (const leave of leaving.reverse()) await leave();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await measureLoginFlood(2, new AbortController().signal), undefined, 2));
}
