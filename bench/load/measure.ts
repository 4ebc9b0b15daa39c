/** Something to be measured: several callers, each repeating its own step, one call at a time. */
export interface Workload {
  open(): Promise<OpenWorkload>;
}

export interface OpenWorkload {
  /** One for each caller. A step that rejects ends the measurement. */
  steps: (() => Promise<void>)[];
  close(): Promise<void> | void;
}

export interface Measurement {
  perSecond: number;
  /** The median of the time that one call took, in milliseconds. */
  p50: number;
  /** The 99th percentile of the time that one call took, in milliseconds. */
  p99: number;
}

/**
 * Milliseconds before the measurement begins. Servers reconnect to their database, which plans a prepared statement anew for
 * the first five times on each connection, and code is compiled.
 */
const LEAD_IN = 1_000;

/** Runs all callers at once, and counts the calls that end within this number of milliseconds. */
export async function measure(workload: Workload, duration: number): Promise<Measurement> {
  const { steps, close } = await workload.open();
  try {
    const begin = performance.now() + LEAD_IN;
    const end = begin + duration;
    const latencies: number[] = [];
    await Promise.all(steps.map((step) => repeat(step, begin, end, latencies)));
    return {
      perSecond: latencies.length / (duration / 1000),
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
    };
  } finally {
    await close();
  }
}

/** The call that is under way at the end is awaited and not counted. */
async function repeat(step: () => Promise<void>, begin: number, end: number, latencies: number[]): Promise<void> {
  for (let from = performance.now(); from < end;) {
    await step();
    const to = performance.now();
    if (to > begin && to <= end) latencies.push(to - from);
    from = to;
  }
}

/** Nearest rank. */
function percentile(values: number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil(sorted.length * share) - 1] ?? NaN;
}
