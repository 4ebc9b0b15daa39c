import { Injectable } from '@nestjs/common';
import { register, type Registry } from 'prom-client';
import { MetricsConfig } from './metrics-options.js';

/** The registry that `AuthMetricsModule` fills. Serve it to Prometheus. */
@Injectable()
export class AuthMetrics {
  readonly registry: Registry;

  constructor(config: MetricsConfig) {
    this.registry = config.registry ?? register;
  }
}
