import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Instruments, Labels, Metric } from '../measurements/instruments.js';
import { AuthMetrics } from './auth-metrics.js';
import { MetricsConfig } from './metrics-options.js';

/** Instruments of `prom-client`. Names end in the unit, and those of counters in `_total`. */
@Injectable()
export class PrometheusInstruments implements Instruments {
  private readonly names: string[] = [];

  constructor(
    private readonly metrics: AuthMetrics,
    private readonly config: MetricsConfig,
  ) {}

  counter<Label extends string>(metric: Metric<Label>): (labels: Labels<Label>, amount?: number) => void {
    const counter = new Counter(this.named(metric, '_total'));
    return (labels, amount = 1) => counter.inc(labels, amount);
  }

  histogram<Label extends string>(
    metric: Metric<Label>,
    buckets: readonly number[],
  ): (labels: Labels<Label>, value: number) => void {
    const histogram = new Histogram({ ...this.named(metric), buckets: [...buckets] });
    return (labels, value) => histogram.observe(labels, value);
  }

  gauge(metric: Metric, read: () => number | undefined | Promise<number | undefined>): void {
    new Gauge({
      ...this.named(metric),
      async collect() {
        const value = await read();
        if (value !== undefined) this.set(value);
      },
    });
  }

  close(): void {
    for (const name of this.names) this.metrics.registry.removeSingleMetric(name);
  }

  private named<Label extends string>({ name, help, unit, labels = [] }: Metric<Label>, ending = '') {
    const full = `${this.config.prefix}${name}${unit === 's' ? '_seconds' : ''}${ending}`;
    this.names.push(full);
    return { name: full, help, labelNames: labels, registers: [this.metrics.registry] };
  }
}
