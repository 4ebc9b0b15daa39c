import { measure, type Measurement, type Workload } from './measure.js';

export interface TurnSettings {
  rounds: number;
  /** Milliseconds that each measurement lasts. */
  duration: number;
  signal: AbortSignal;
  onRound?: (round: number) => void;
}

/**
 * Measures the workloads in turn, A B C A B C …, so that what else happens on the machine meets all of them, and takes
 * the medians of the rounds.
 */
export async function measureInTurn(
  workloads: readonly Workload[],
  { rounds, duration, signal, onRound }: TurnSettings,
): Promise<Map<Workload, Measurement>> {
  const measured = workloads.map((workload) => ({ workload, all: [] as Measurement[] }));
  for (let round = 1; round <= rounds; round++) {
    onRound?.(round);
    for (const { workload, all } of measured) {
      signal.throwIfAborted();
      all.push(await measure(workload, duration));
    }
  }
  return new Map(measured.map(({ workload, all }) => [workload, mediansOf(all)]));
}

function mediansOf(all: readonly Measurement[]): Measurement {
  const medianOf = (figure: keyof Measurement) => median(all.map((one) => one[figure]));
  return { perSecond: medianOf('perSecond'), p50: medianOf('p50'), p99: medianOf('p99') };
}

function median(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
