import { type DynamicModule, Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { AccessTokenService } from './access-token/access-token.service.js';
import { JwtAuthGuard } from './guards/jwt-auth.guard.js';
import { JwtStrategy } from './guards/jwt.strategy.js';
import { RolesGuard } from './guards/roles.guard.js';
import { AlertDispatch } from './alerts/alert-dispatch.js';
import { AuthEventLog } from './audit/auth-event-log.js';
import { AuthEventWriter } from './audit/auth-event-writer.js';
import { AuthEventStore } from './audit/auth-event.store.js';
import { AuthEventBus } from './events/auth-event-bus.js';
import { EventEmitterBridge } from './events/event-emitter-bridge.js';
import {
  type ASYNC_OPTIONS_TYPE,
  AUTH_MODULE_OPTIONS,
  type AuthModuleExtras,
  ConfigurableModuleClass,
  EXTRAS,
  type OPTIONS_TYPE,
} from './auth.module-definition.js';
import { AccessTokenPossession } from './access-token/access-token-possession.js';
import { DpopNonces } from './binding/dpop/dpop-nonces.js';
import { DpopVerifier } from './binding/dpop/dpop-verifier.js';
import { ProofReplay } from './binding/dpop/proof-replay.js';
import { DeviceRecognition } from './device/device-recognition.js';
import { PresentedBinding } from './binding/presented-binding.js';
import { SessionBindings } from './binding/session-bindings.js';
import { ClientCertificates } from './binding/tls/client-certificates.js';
import { Clock } from './common/time/clock.js';
import { RefreshCookie } from './cookie/refresh-cookie.js';
import { StepUpGuard } from './guards/step-up.guard.js';
import { BodilessRequests } from './http/bodiless-requests.js';
import { KeyRing } from './common/crypto/key-ring.js';
import type { AuthModuleOptions } from './auth-options.js';
import { ResolvedAuthOptions } from './resolve-options.js';
import { PresentedRefreshToken } from './guards/presented-refresh-token.js';
import { RefreshRefusal } from './refresh-token/refresh-refusal.js';
import { RefreshTokenCodec } from './refresh-token/refresh-token.codec.js';
import { RefreshTokenGuard } from './guards/refresh-token.guard.js';
import { RefreshTokenService } from './refresh-token/refresh-token.service.js';
import { RefreshTokenStrategy } from './guards/refresh-token.strategy.js';
import { SessionIssuer } from './refresh-token/session-issuer.js';
import { SessionPurge } from './refresh-token/session-purge.js';
import { StrictSettling } from './refresh-token/strict-settling.js';
import { TokenHasher } from './refresh-token/token-hasher.js';
import { TokenIssuer } from './refresh-token/token-issuer.js';
import { RefreshAttempts } from './refresh-token/refresh-attempt.js';
import { TokenRotation } from './refresh-token/token-rotation.js';
import { RiskAssessor } from './risk/risk-assessor.js';
import { RiskStage } from './risk/risk-stage.js';
import { AuthRegistration } from './modules/auth-registration.js';
import { AuthModuleRegistry } from './modules/auth-module-registry.js';
import { authToken } from './modules/inject-auth.js';
import { checkGiven, checkGivenAsync, checkReturned } from './modules/check-registration.js';
import { RevocationList } from './revocation/revocation-list.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { SessionRevocation } from './revocation/session-revocation.js';
import { SignInService } from './sign-in/sign-in.service.js';
import { StepUpService } from './sign-in/step-up.service.js';
import { SocketSessions } from './sockets/socket-sessions.js';
import { RefreshTokenStore } from './session/refresh-token.store.js';
import { UsedDpopProofStore } from './binding/dpop/used-dpop-proof.store.js';
import { BoundedUserProvider } from './user/bounded-user-provider.js';

/** What the guards and the host use; whoever injects a guard needs its dependencies too. */
const PUBLIC_PROVIDERS = [
  AccessTokenPossession,
  AccessTokenService,
  AuthEventLog,
  AuthEventBus,
  AuthRegistration,
  Clock,
  DpopVerifier,
  RevocationFeed,
  StepUpGuard,
  JwtAuthGuard,
  PresentedBinding,
  PresentedRefreshToken,
  RefreshCookie,
  RefreshTokenGuard,
  RefreshTokenService,
  ResolvedAuthOptions,
  RolesGuard,
  SignInService,
  StepUpService,
  SocketSessions,
];

/**
 * Sessions with short access tokens and rotating refresh tokens.
 *
 * @example
 * AuthModule.forRoot({
 *   imports: [UsersModule],
 *   userProvider: UsersService,
 *   secret: process.env.AUTH_SECRET!,
 * })
 *
 * @example
 * AuthModule.forRootAsync({
 *   imports: [UsersModule, ConfigModule],
 *   userProvider: UsersService,
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({ secret: config.getOrThrow('AUTH_SECRET') }),
 * })
 *
 * @throws AuthConfigurationError at boot, for every option that makes no sense
 */
@Module({
  imports: [JwtModule.register({})],
  providers: [
    ...PUBLIC_PROVIDERS.filter((provider) => provider !== ResolvedAuthOptions && provider !== AuthRegistration),
    {
      provide: ResolvedAuthOptions,
      useFactory: (options: AuthModuleOptions) => {
        checkReturned(options, EXTRAS);
        return new ResolvedAuthOptions(options);
      },
      inject: [AUTH_MODULE_OPTIONS],
    },
    RevocationList,
    AlertDispatch,
    AuthEventStore,
    AuthEventWriter,
    AuthModuleRegistry,
    BodilessRequests,
    BoundedUserProvider,
    ClientCertificates,
    DeviceRecognition,
    DpopNonces,
    EventEmitterBridge,
    JwtStrategy,
    KeyRing,
    ProofReplay,
    RefreshRefusal,
    RefreshTokenCodec,
    RefreshTokenStore,
    RefreshTokenStrategy,
    RiskAssessor,
    RiskStage,
    SessionBindings,
    SessionIssuer,
    SessionPurge,
    SessionRevocation,
    StrictSettling,
    TokenHasher,
    TokenIssuer,
    RefreshAttempts,
    TokenRotation,
    UsedDpopProofStore,
  ],
})
export class AuthModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    checkGiven('forRoot', options);
    return exported(super.forRoot(options), options);
  }

  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    checkGivenAsync(options, EXTRAS);
    return exported(super.forRootAsync(options), options);
  }
}

/**
 * A module with a name offers its services under that name. Under their classes it offers them only to the modules that
 * import it: elsewhere nobody could tell whose they are.
 */
function exported(definition: DynamicModule, { name }: Pick<AuthModuleExtras, 'name'>): DynamicModule {
  if (name === undefined) return { ...definition, exports: PUBLIC_PROVIDERS };
  const named = PUBLIC_PROVIDERS.map((service) => ({ provide: authToken(service, name), useExisting: service }));
  return {
    ...definition,
    providers: [...(definition.providers ?? []), ...named],
    exports: [...(definition.global ? [] : PUBLIC_PROVIDERS), ...named],
  };
}
