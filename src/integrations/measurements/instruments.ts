/** What a metric is called and what it says. Its full name depends on the system that takes it. */
export interface Metric<Label extends string = string> {
  readonly name: string;
  readonly help: string;
  readonly unit?: 's';
  readonly labels?: readonly Label[];
}

export type Labels<Label extends string> = Readonly<Record<Label, string>>;

/** Makes instruments in a system of metrics. */
export interface Instruments {
  counter<Label extends string>(metric: Metric<Label>): (labels: Labels<Label>, amount?: number) => void;
  histogram<Label extends string>(
    metric: Metric<Label>,
    buckets: readonly number[],
  ): (labels: Labels<Label>, value: number) => void;
  /** @param read called when the value is needed; `undefined` if it is not known */
  gauge(metric: Metric, read: () => number | undefined | Promise<number | undefined>): void;
  /** Removes the instruments. */
  close(): void;
}

/** Injects the instruments of the module that measures. */
export const INSTRUMENTS = Symbol('INSTRUMENTS');
