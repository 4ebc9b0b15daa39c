import type { Provider } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { AuthMeasurements, SESSION_COUNT_INTERVAL } from './auth-measurements.js';
import { RequestDurationInterceptor } from './request-duration.interceptor.js';

/**
 * What a module needs to measure, besides its `INSTRUMENTS`.
 *
 * @param sessionCountInterval milliseconds
 */
export function measurementProviders(sessionCountInterval: number): Provider[] {
  return [
    AuthModuleRegistry,
    AuthMeasurements,
    { provide: SESSION_COUNT_INTERVAL, useValue: sessionCountInterval },
    { provide: APP_INTERCEPTOR, useClass: RequestDurationInterceptor },
  ];
}
