import { type DynamicModule, Module } from '@nestjs/common';
import { INSTRUMENTS } from '../measurements/instruments.js';
import { measurementProviders } from '../measurements/measurements.providers.js';
import { AuthMetrics } from './auth-metrics.js';
import { type AuthMetricsOptions, MetricsConfig } from './metrics-options.js';
import { PrometheusInstruments } from './prometheus-instruments.js';

/**
 * Measures the library with `prom-client`: sign-ins, refreshes by outcome, latency, repeats, reuse, revocations,
 * alerts, the age of the revocation list, and live sessions. Several `AuthModule`s share the metrics. The host serves
 * the registry. Needs a global `AuthModule` without a name.
 *
 * @example
 * import { AuthMetricsModule } from 'nestjs-refresh-token/metrics'; // npm install prom-client
 * imports: [AuthModule.forRoot({ … }), AuthMetricsModule.forRoot()]
 */
@Module({})
export class AuthMetricsModule {
  static forRoot(given: Partial<AuthMetricsOptions> = {}): DynamicModule {
    const config = new MetricsConfig(given);
    return {
      module: AuthMetricsModule,
      providers: [
        AuthMetrics,
        { provide: MetricsConfig, useValue: config },
        { provide: INSTRUMENTS, useClass: PrometheusInstruments },
        ...measurementProviders(config.sessionCountInterval),
      ],
      exports: [AuthMetrics],
    };
  }
}
