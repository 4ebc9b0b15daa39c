import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { INSTRUMENTS } from '../measurements/instruments.js';
import { measurementProviders } from '../measurements/measurements.providers.js';
import { AuthTraces } from './auth-traces.js';
import { OpenTelemetryConfig, type AuthOpenTelemetryOptions } from './opentelemetry-options.js';
import { OpenTelemetryInstruments } from './opentelemetry-instruments.js';

/**
 * Gives spans and metrics to the OpenTelemetry SDK that the host has registered: spans of sign-ins, refreshes, step-ups,
 * risk rules, the table and the user provider, and the metrics of `AuthMetricsModule`. Several `AuthModule`s share them.
 * Needs a global `AuthModule` without a name.
 *
 * @example
 * import { AuthOpenTelemetryModule } from 'nestjs-refresh-token/opentelemetry'; // npm install @opentelemetry/api
 * imports: [AuthModule.forRoot({ … }), AuthOpenTelemetryModule.forRoot()]
 */
@Module({})
export class AuthOpenTelemetryModule {
  static forRoot(given: Partial<AuthOpenTelemetryOptions> = {}): DynamicModule {
    const { traces, metrics, sessionCountInterval } = new OpenTelemetryConfig(given);
    return {
      module: AuthOpenTelemetryModule,
      providers: [
        AuthModuleRegistry,
        ...(traces ? [AuthTraces] : []),
        ...(metrics
          ? [
              { provide: INSTRUMENTS, useClass: OpenTelemetryInstruments },
              ...measurementProviders(sessionCountInterval),
            ]
          : []),
      ],
    };
  }
}
