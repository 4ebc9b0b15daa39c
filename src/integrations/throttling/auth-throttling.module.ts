import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { ThrottlerStorage, ThrottlerStorageService } from '@nestjs/throttler';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { FailureLimit } from './failure-limit.js';
import { ThrottledAttempts } from './throttled-attempts.js';
import { ThrottledRequests } from './throttled-request.js';
import { type AuthThrottlingOptions, ThrottlingConfig } from './throttling-options.js';
import { ThrottlingGuard } from './throttling.guard.js';
import { ThrottlingInterceptor } from './throttling.interceptor.js';

/**
 * Throttles guesses at logins, refresh tokens and step-ups: 429 `too_many_requests` with `Retry-After`. It counts in
 * the storage of `@nestjs/throttler`, separately for each `AuthModule`. Needs a global `AuthModule` without a name.
 *
 * @throws AuthConfigurationError for invalid options
 * @example
 * import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling'; // npm install @nestjs/throttler
 * imports: [AuthModule.forRoot({ … }), AuthThrottlingModule.forRoot({ loginFailures: 5, per: '5m' })]
 */
@Module({})
export class AuthThrottlingModule {
  static forRoot(options: Partial<AuthThrottlingOptions> = {}): DynamicModule {
    const config = new ThrottlingConfig(options);
    return {
      module: AuthThrottlingModule,
      providers: [
        AuthModuleRegistry,
        FailureLimit,
        ThrottledRequests,
        ThrottledAttempts,
        { provide: ThrottlingConfig, useValue: config },
        { provide: ThrottlerStorage, useFactory: () => config.storage ?? new ThrottlerStorageService() },
        { provide: APP_GUARD, useClass: ThrottlingGuard },
        { provide: APP_INTERCEPTOR, useClass: ThrottlingInterceptor },
      ],
    };
  }
}
