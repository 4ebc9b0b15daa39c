import {
  type DynamicModule,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type ValidationError,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthError, AuthExceptionFilter, AuthModule, JwtAuthGuard } from 'nestjs-refresh-token';
import { AuthMetricsModule } from 'nestjs-refresh-token/metrics';
import { redisRevocationChannel, redisReplayStore } from 'nestjs-refresh-token/redis';
import { AuthThrottlingModule, redisThrottlerStorage } from 'nestjs-refresh-token/throttling';
import type { DataSource } from 'typeorm';
import type { DemoConfig } from './demo-config.js';
import { geoIpOf } from './geo-ip.js';
import { AdminController } from './http/admin.controller.js';
import { HealthController } from './http/health.controller.js';
import { HttpsGuard } from './http/https.guard.js';
import { MetricsController } from './http/metrics.controller.js';
import { OFFERS_KNOWN_USERS, PageController } from './http/page.controller.js';
import { ProfileController } from './http/profile.controller.js';
import {
  CIRCUMSTANCES,
  type Circumstances,
  LaboratoryController,
  millisecondsOf,
} from './laboratory/laboratory.controller.js';
import { LostAnswers } from './laboratory/lost-answers.js';
import { laboratoryGeoIp } from './laboratory/sample-addresses.js';
import { TakenRoles } from './laboratory/taken-roles.js';
import { Thief } from './laboratory/thief.js';
import { TravelGuard } from './laboratory/travel.guard.js';
import { RedisCluster } from './redis-cluster.js';
import { riskRulesOf } from './risk-rules.js';
import { StoryController } from './story/story.controller.js';
import { hasKnownPasswords } from './users/seed-users.js';
import { UsersModule } from './users/users.module.js';
import { UsersService } from './users/users.service.js';

/** Failures per minute. The limits are high, because all visitors of the demo come from one address. */
const FAILURES = {
  loginFailures: 30,
  loginFailuresOfAddress: 10_000,
  loginFailuresOfName: 300,
  refreshFailures: 10_000,
  stepUpFailures: 10,
};

/** The demo. Every route is guarded, except those with `@Public()`. */
@Module({})
export class AppModule implements NestModule {
  static async forRoot(config: DemoConfig, dataSource: DataSource): Promise<DynamicModule> {
    const [url, ...more] = config.redisUrls ?? [];
    const cluster = more.length > 0 ? await RedisCluster.connect([url, ...more]) : undefined;
    const redis = cluster ? { client: cluster.client } : url === undefined ? undefined : { url };
    // If addresses matter, visitors cannot choose their own.
    const isSerious = config.trustProxy ?? config.geofenceAllow ?? config.geofenceDeny;
    const travel = isSerious ? [] : [{ provide: APP_GUARD, useClass: TravelGuard }];
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => dataSource.options,
          dataSourceFactory: () => Promise.resolve(dataSource),
        }),
        UsersModule,
        AuthModule.forRoot({
          imports: [UsersModule],
          userProvider: UsersService,
          secret: config.secret,
          accessToken: {
            ttl: config.accessTokenTtl,
            // With one secret, an access token of a start for development would be good here, too.
            issuer: config.production ? 'nestjs-refresh-token-demo-in-production' : undefined,
          },
          refreshToken: {
            ttl: config.refreshTokenTtl,
            idleTtl: config.refreshIdleTtl,
            grace: config.refreshGrace,
            lateAnswers: config.lateAnswers,
          },
          revocation: {
            delay: config.revocationDelay,
            channel: redis && redisRevocationChannel(redis),
          },
          binding: {
            dpop: { requireNonce: config.dpopNonce, replayStore: redis && redisReplayStore(redis) },
            tls: { trustedProxies: config.trustProxy, header: config.clientCertificateHeader },
          },
          risk: { geoIp: laboratoryGeoIp(geoIpOf(config.geoIpDatabase)), rules: riskRulesOf(config) },
          shutdown: { drainTimeout: config.drainTimeout },
          audit: { store: config.audit, flushInterval: '100ms', stopTimeout: '3s' },
        }),
        AuthThrottlingModule.forRoot({ ...FAILURES, storage: redis && redisThrottlerStorage(redis) }),
        AuthMetricsModule.forRoot({ sessionCountInterval: '5s' }),
      ],
      controllers: [
        AdminController,
        HealthController,
        LaboratoryController,
        MetricsController,
        PageController,
        ProfileController,
        StoryController,
      ],
      providers: [
        TakenRoles,
        Thief,
        {
          provide: CIRCUMSTANCES,
          useValue: {
            grace: millisecondsOf(config.refreshGrace ?? '10s'),
            rules: config.riskRules && !isSerious,
            loginFailures: FAILURES.loginFailures,
          } satisfies Circumstances,
        },
        { provide: OFFERS_KNOWN_USERS, useValue: hasKnownPasswords(config) },
        ...travel,
        ...(config.production ? [{ provide: APP_GUARD, useClass: HttpsGuard }] : []),
        // A factory, so that its hook is called.
        { provide: RedisCluster, useFactory: () => cluster ?? null },
        { provide: APP_GUARD, useExisting: JwtAuthGuard },
        { provide: APP_FILTER, useClass: AuthExceptionFilter },
        { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, exceptionFactory: invalid }) },
      ],
    };
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(LostAnswers).forRoutes('auth/refresh');
  }
}

/** Answers as the auth routes do: it names the invalid fields and never contains what was sent. */
function invalid(errors: ValidationError[]): AuthError {
  return new AuthError('invalid_request', `Not valid: ${errors.map(({ property }) => property).join(', ')}.`);
}
