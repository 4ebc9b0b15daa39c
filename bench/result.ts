import type { Environment } from './environment.js';
import type { Measurement, Workload } from './load/measure.js';
import { AUDIT_CONNECTIONS, perConnections, type PerConnections, type Plan } from './plan.js';
import { perAdapter, type PerAdapter } from './servers/adapters.js';

export interface Figures {
  per_second: number;
  p99_ms: number;
}

/** What `--json` prints. A ratio compares the medians of the same run: at 1, it is as fast as its floor. */
export interface BenchResult {
  environment: Environment;
  refresh: PerAdapter<PerConnections<Figures & { of_pg_floor: number; of_bare_route: number }>>;
  /** Refreshes with every event stored, against the same without, on Fastify at 16 connections. */
  audit: Figures & { of_unaudited: number };
  guard: PerAdapter<{ HS256: Figures & { of_bare_route: number } }>;
  /** What the ratios are ratios of. */
  floors: {
    pg: PerConnections<Figures>;
    bare_post: PerAdapter<PerConnections<Figures>>;
    bare_get: PerAdapter<Figures>;
  };
}

export function resultOf(environment: Environment, plan: Plan, measured: Map<Workload, Measurement>): BenchResult {
  const figures = (workload: Workload): Figures => {
    const { perSecond, p99 } = measured.get(workload)!;
    return { per_second: Math.round(perSecond), p99_ms: rounded(p99) };
  };
  const ratio = (workload: Workload, floor: Workload) =>
    rounded(measured.get(workload)!.perSecond / measured.get(floor)!.perSecond);

  return {
    environment,
    refresh: perAdapter((adapter) =>
      perConnections((count) => {
        const refresh = plan.refresh[adapter][count];
        return {
          ...figures(refresh),
          of_pg_floor: ratio(refresh, plan.pg[count]),
          of_bare_route: ratio(refresh, plan.barePost[adapter][count]),
        };
      }),
    ),
    audit: {
      ...figures(plan.audited),
      of_unaudited: ratio(plan.audited, plan.refresh.fastify[AUDIT_CONNECTIONS]),
    },
    guard: perAdapter((adapter) => {
      const guarded = plan.guardedGet[adapter];
      return { HS256: { ...figures(guarded), of_bare_route: ratio(guarded, plan.bareGet[adapter]) } };
    }),
    floors: {
      pg: perConnections((count) => figures(plan.pg[count])),
      bare_post: perAdapter((adapter) => perConnections((count) => figures(plan.barePost[adapter][count]))),
      bare_get: perAdapter((adapter) => figures(plan.bareGet[adapter])),
    },
  };
}

export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
