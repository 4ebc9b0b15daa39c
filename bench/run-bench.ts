import { randomBytes } from 'node:crypto';
import { environmentOf } from './environment.js';
import { measureInTurn } from './load/measure-in-turn.js';
import { MOST_CONNECTIONS, planOf, workloadsOf } from './plan.js';
import { type BenchResult, resultOf } from './result.js';
import { createDatabase } from './servers/database.js';
import { type Leaving, startServers } from './servers/start-servers.js';
import { copySessions } from './workloads/pg-floor.js';
import { signIn } from './workloads/session.js';

// Milliseconds. Many short measurements stand a busy machine better than few long ones.
const WARM_UP = 200;
const DURATION = 600;

export interface BenchSettings {
  rounds: number;
  /** Ends the bench early; it rejects then. */
  signal: AbortSignal;
  onProgress(what: string): void;
}

/** Starts everything, measures all workloads in turn, and removes what it made. */
export async function runBench({ rounds, signal, onProgress }: BenchSettings): Promise<BenchResult> {
  const leaving: Leaving = [];
  try {
    onProgress('starting the servers');
    const database = await createDatabase();
    leaving.push(database.drop);
    const environment = environmentOf(database.server, rounds);
    const servers = await startServers(database.url, randomBytes(48).toString('base64'), leaving);

    onProgress('signing in');
    const sessions = await signIn(servers.demo.fastify, MOST_CONNECTIONS);
    const plan = planOf(servers, database.url, sessions, await copySessions(database.url));

    onProgress('warming up');
    const workloads = workloadsOf(plan);
    await measureInTurn(workloads, { rounds: 1, duration: WARM_UP, signal });
    const onRound = (round: number) => onProgress(`measuring, round ${round} of ${rounds}`);
    const measured = await measureInTurn(workloads, { rounds, duration: DURATION, signal, onRound });
    return resultOf(environment, plan, measured);
  } finally {
    for (const leave of leaving.reverse()) await leave();
  }
}
