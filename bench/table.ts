import { AUDIT_CONNECTIONS, GUARD_CONNECTIONS } from './plan.js';
import type { BenchResult, Figures } from './result.js';

const AIM = 0.7;

/** The result for people. */
export function table({ environment, refresh, audit, guard, floors }: BenchResult): string {
  const { node, cpus, postgres, rounds, load_before } = environment;
  const lines = [
    `Node ${node}, PostgreSQL ${postgres}, ${cpus} cores (load ${load_before} before), medians of ${rounds} rounds`,
    '',
    row('', 'connections', 'per second', 'p99 ms', 'of pg floor', 'of bare route'),
  ];
  const add = (what: string, connections: string | number, { per_second, p99_ms }: Figures, ...ratios: string[]) =>
    lines.push(row(what, connections, per_second, p99_ms, ...ratios));

  for (const [adapter, byConnections] of Object.entries(refresh)) {
    for (const [connections, figures] of Object.entries(byConnections)) {
      const ofPg = connections === '16' ? againstAim(figures.of_pg_floor) : figures.of_pg_floor.toFixed(2);
      add(`refresh, ${adapter}`, connections, figures, ofPg, figures.of_bare_route.toFixed(2));
    }
  }
  add('refresh, fastify, audited', AUDIT_CONNECTIONS, audit, `${audit.of_unaudited.toFixed(2)} of unaudited`);
  for (const [connections, figures] of Object.entries(floors.pg)) add('floor: pg', connections, figures);
  for (const [adapter, byConnections] of Object.entries(floors.bare_post)) {
    for (const [connections, figures] of Object.entries(byConnections)) {
      add(`floor: bare POST, ${adapter}`, connections, figures);
    }
  }
  lines.push('');
  for (const [adapter, { HS256 }] of Object.entries(guard)) {
    add(`guarded GET, ${adapter}, HS256`, GUARD_CONNECTIONS, HS256, '', againstAim(HS256.of_bare_route));
  }
  for (const [adapter, figures] of Object.entries(floors.bare_get)) {
    add(`floor: bare GET, ${adapter}`, GUARD_CONNECTIONS, figures);
  }
  lines.push(
    '',
    `Aims: a refresh at 16 connections ≥ ${AIM} of the pg floor, a guarded route ≥ ${AIM} of the bare one.`,
  );
  return lines.join('\n');
}

function againstAim(value: number): string {
  return `${value.toFixed(2)} ${value >= AIM ? '✓' : '✗'}`;
}

function row(what: string, ...cells: (string | number)[]): string {
  return (what.padEnd(28) + cells.map((cell) => String(cell).padStart(14)).join('')).trimEnd();
}
