import { Injectable } from '@nestjs/common';
import { type Meter, metrics, type ObservableCallback, type ObservableGauge } from '@opentelemetry/api';
import type { Instruments, Labels, Metric } from '../measurements/instruments.js';
import { SCOPE } from './scope.js';

/** Instruments of `@opentelemetry/api`. An exporter to Prometheus gives them the names that `AuthMetricsModule` uses. */
@Injectable()
export class OpenTelemetryInstruments implements Instruments {
  private readonly meter: Meter = metrics.getMeter(SCOPE);
  private readonly gauges: [ObservableGauge, ObservableCallback][] = [];

  counter<Label extends string>(metric: Metric<Label>): (labels: Labels<Label>, amount?: number) => void {
    const counter = this.meter.createCounter(...named(metric));
    return (labels, amount = 1) => counter.add(amount, labels);
  }

  histogram<Label extends string>(
    metric: Metric<Label>,
    buckets: readonly number[],
  ): (labels: Labels<Label>, value: number) => void {
    const [name, options] = named(metric);
    const advice = { explicitBucketBoundaries: [...buckets] };
    const histogram = this.meter.createHistogram(name, { ...options, advice });
    return (labels, value) => histogram.record(value, labels);
  }

  gauge(metric: Metric, read: () => number | undefined | Promise<number | undefined>): void {
    const gauge = this.meter.createObservableGauge(...named(metric));
    const observe: ObservableCallback = async (result) => {
      const value = await read();
      if (value !== undefined) result.observe(value);
    };
    gauge.addCallback(observe);
    this.gauges.push([gauge, observe]);
  }

  close(): void {
    for (const [gauge, observe] of this.gauges) gauge.removeCallback(observe);
  }
}

function named({ name, help, unit }: Metric): [name: string, options: { description: string; unit?: string }] {
  return [`auth.${name}`, { description: help, unit }];
}
