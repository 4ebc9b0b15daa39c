import { type DynamicModule, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { AuthMetrics } from './auth-metrics.js';
import { type AuthMetricsOptions, MetricsConfig } from './metrics-options.js';
import { RequestDurationInterceptor } from './request-duration.interceptor.js';

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
    return {
      module: AuthMetricsModule,
      providers: [
        AuthMetrics,
        AuthModuleRegistry,
        { provide: MetricsConfig, useValue: new MetricsConfig(given) },
        { provide: APP_INTERCEPTOR, useClass: RequestDurationInterceptor },
      ],
      exports: [AuthMetrics],
    };
  }
}
