import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { AuthHealthIndicator } from './auth-health-indicator.js';

/**
 * Provides {@link AuthHealthIndicator}. Import it next to `AuthModule`.
 *
 * @example
 * import { AuthHealthModule } from 'nestjs-refresh-token/health'; // npm install @nestjs/terminus
 * imports: [AuthModule.forRoot({ … }), TerminusModule, AuthHealthModule]
 */
@Module({
  imports: [TerminusModule],
  providers: [AuthHealthIndicator, AuthModuleRegistry],
  exports: [AuthHealthIndicator],
})
export class AuthHealthModule {}
