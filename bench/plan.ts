import type { Workload } from './load/measure.js';
import { ADAPTERS, perAdapter, type PerAdapter } from './servers/adapters.js';
import type { Servers } from './servers/start-servers.js';
import { getting } from './workloads/guarded-route.js';
import { pgFloor } from './workloads/pg-floor.js';
import { posting, refreshing } from './workloads/refresh.js';
import type { Session } from './workloads/session.js';

export const CONNECTIONS = [1, 16, 64] as const;
export const MOST_CONNECTIONS = Math.max(...CONNECTIONS);

/** At how many connections the guard is measured. */
export const GUARD_CONNECTIONS = 16;

/** At how many connections the cost of the audit trail is measured. */
export const AUDIT_CONNECTIONS = 16;

/** Something for each number of connections. */
export type PerConnections<T> = Record<(typeof CONNECTIONS)[number], T>;

export function perConnections<T>(make: (connections: keyof PerConnections<T>) => T): PerConnections<T> {
  return { 1: make(1), 16: make(16), 64: make(64) };
}

/** All that is measured in one run. */
export interface Plan {
  refresh: PerAdapter<PerConnections<Workload>>;
  /** With every event stored, on Fastify. */
  audited: Workload;
  pg: PerConnections<Workload>;
  barePost: PerAdapter<PerConnections<Workload>>;
  guardedGet: PerAdapter<Workload>;
  bareGet: PerAdapter<Workload>;
}

/**
 * @param sessions as many as there are connections at most; they are used by one server after the other
 * @param floorSessions as many ids, of sessions that nobody refreshes over HTTP
 */
export function planOf(
  { demo, bare, audited }: Servers,
  databaseUrl: string,
  sessions: readonly Session[],
  floorSessions: readonly string[],
): Plan {
  const guardSessions = sessions.slice(0, GUARD_CONNECTIONS);
  return {
    refresh: perAdapter((adapter) => perConnections((count) => refreshing(demo[adapter], sessions.slice(0, count)))),
    audited: refreshing(audited, sessions.slice(0, AUDIT_CONNECTIONS)),
    pg: perConnections((count) => pgFloor(databaseUrl, floorSessions.slice(0, count))),
    barePost: perAdapter((adapter) => perConnections((count) => posting(bare[adapter], sessions.slice(0, count)))),
    guardedGet: perAdapter((adapter) => getting('/guarded', bare[adapter], guardSessions)),
    bareGet: perAdapter((adapter) => getting('/bare', bare[adapter], guardSessions)),
  };
}

/** In an order in which those that are compared come close to each other. */
export function workloadsOf(plan: Plan): Workload[] {
  const refreshes = CONNECTIONS.flatMap((count) => [
    plan.pg[count],
    ...(count === AUDIT_CONNECTIONS ? [plan.audited] : []),
    ...ADAPTERS.flatMap((adapter) => [plan.refresh[adapter][count], plan.barePost[adapter][count]]),
  ]);
  return [...refreshes, ...ADAPTERS.flatMap((adapter) => [plan.guardedGet[adapter], plan.bareGet[adapter]])];
}
