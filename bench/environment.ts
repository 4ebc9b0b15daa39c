import { availableParallelism, cpus, loadavg } from 'node:os';
import type { DatabaseServer } from './servers/database.js';
import { POOL_SIZE } from './workloads/pg-floor.js';

/** Where the figures come from. */
export interface Environment extends DatabaseServer {
  node: string;
  cpus: number;
  cpu_model: string;
  /** Connections to the database that the demo opens at most. */
  pool_size: number;
  rounds: number;
  /** What the machine had to do in the minute before the run: above 0.5, somebody else was working on it. */
  load_before: number;
}

export function environmentOf(server: DatabaseServer, rounds: number): Environment {
  return {
    node: process.version,
    cpus: availableParallelism(),
    cpu_model: cpus()[0]?.model ?? 'unknown',
    ...server,
    pool_size: POOL_SIZE,
    rounds,
    load_before: Math.round(loadavg()[0] * 10) / 10,
  };
}
