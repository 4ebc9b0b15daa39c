export {
  AccessTokenService,
  type AccessTokenSession,
  type MintedAccessToken,
} from './access-token/access-token.service.js';
export type { AccessTokenClaims, AuthenticatedUser, Confirmation } from './access-token/authenticated-user.js';
export { CurrentUser } from './guards/current-user.decorator.js';
export { JwtAuthGuard } from './guards/jwt-auth.guard.js';
export { JwtStrategy } from './guards/jwt.strategy.js';
export { Public } from './guards/public.decorator.js';
export { Roles } from './guards/roles.decorator.js';
export { RolesGuard } from './guards/roles.guard.js';
export { ALERT_SINKS, type AlertSink } from './alerts/alert-sink.js';
export { webhookAlerts } from './alerts/webhook-alerts.js';
export type { WebhookAlertsOptions, WebhookOptions } from './alerts/webhook-options.js';
export type { AuthEvent, AuthEventType, RevocationReason } from './events/auth-event.js';
export { AuthEventLog, type AuthEventQuery } from './audit/auth-event-log.js';
export { AuthEventRecord } from './audit/auth-event-record.entity.js';
export type { AuthEventOutcome } from './audit/event-outcome.js';
export { type AuthEventListener, AuthEventBus } from './events/auth-event-bus.js';
export { AuthModule } from './auth.module.js';
export { AuthModuleExtras } from './auth.module-definition.js';
export { AccessTokenPossession, type PossessionHeaders } from './access-token/access-token-possession.js';
export type { BindingEvidence } from './binding/binding-evidence.js';
export type { BindingKind } from './binding/binding-kind.js';
export { BindingOptions, ClientCertificateOptions, DpopOptions } from './binding/binding-options.js';
export {
  type DeviceSignals,
  FingerprintOptions,
  type FingerprintPolicy,
  type FingerprintSignal,
} from './device/device-options.js';
export type { DpopProof } from './binding/dpop/dpop-proof.js';
export type { DpopReplayStore } from './binding/dpop/dpop-replay-store.js';
export { DpopVerifier, type ProvenRequest } from './binding/dpop/dpop-verifier.js';
export { UsedDpopProof } from './binding/dpop/used-dpop-proof.entity.js';
export { browserFamily, clientHints, headerSignal, platform } from './device/fingerprint-signals.js';
export { PresentedBinding } from './binding/presented-binding.js';
export { Clock } from './common/time/clock.js';
export {
  AuthConfigurationError,
  AuthError,
  type AuthErrorCode,
  type AuthErrorDetails,
  type AuthenticationScheme,
} from './common/errors/auth-error.js';
export { StepUp } from './guards/step-up.decorator.js';
export { StepUpGuard } from './guards/step-up.guard.js';
export { authCors, type AuthCorsOptions } from './http/auth-cors.js';
export { AuthExceptionFilter } from './http/auth-exception.filter.js';
export { type EventResponse } from './http/events.controller.js';
export { type SessionResponse, type TokenResponse } from './http/token-response.js';
export { CreateRefreshTokens1790000000000 } from './migrations/1790000000000-create-refresh-tokens.js';
export { CreateUsedDpopProofs1790000000010 } from './migrations/1790000000010-create-used-dpop-proofs.js';
export { CreateAuthEvents1790000000020 } from './migrations/1790000000020-create-auth-events.js';
export { refreshTokenMigrations, refreshTokenMigrationsFor } from './migrations/index.js';
export { AccessTokenOptions } from './access-token/access-token-options.js';
export { AlertOptions } from './alerts/alert-options.js';
export { AuditOptions } from './audit/audit-options.js';
export type { AuthModuleOptions, AuthOptionsFactory } from './auth-options.js';
export { CookieOptions } from './cookie/cookie-options.js';
export { RevocationOptions } from './revocation/revocation-options.js';
export {
  type OnTooManySessions,
  PurgeOptions,
  RefreshTokenOptions,
  type Transport,
} from './session/session-options.js';
export { RiskOptions } from './risk/risk-options.js';
export type { IssuedTokens, SessionSummary } from './session/issued-tokens.js';
export type { SignInRequest } from './refresh-token/sign-in-request.js';
export {
  sessionEndReason,
  type SessionEndReason,
  decideRefresh,
  type PresentedToken as PresentedTokenState,
  type RefreshDecision,
  type RefreshLimits,
  type RefusalReason,
  type SessionState,
} from './refresh-token/refresh-rule.js';
export { REFRESH_TOKEN_PREFIX } from './refresh-token/refresh-token.codec.js';
export { RefreshToken, RefreshTokenColumns, RefreshTokenTable } from './session/refresh-token.entity.js';
export { PresentedToken, RefreshTokenGuard } from './guards/refresh-token.guard.js';
export { RefreshTokenService } from './refresh-token/refresh-token.service.js';
export { RefreshTokenStrategy } from './guards/refresh-token.strategy.js';
export type { Argon2idOptions } from './session/argon2id-options.js';
export { AuthRoute, type AuthRouteName } from './common/request/auth-route.decorator.js';
export { authToken, GuardOf, InjectAuth } from './modules/inject-auth.js';
export { type ClientContext, clientContextOf } from './common/request/client-context.js';
export { type CountryExtent, countryExtent } from './risk/country-extents.js';
export type { GeoIpRecord, GeoLocation, GeoIpProvider } from './risk/geo-ip-provider.js';
export { RISK_RULES, type RiskRule, type RuleOptions } from './risk/risk-rule.js';
export {
  ChangedFingerprint,
  ChangedUserAgent,
  NewCountry,
  NewIp,
  NewAsn,
  RepeatFromElsewhere,
} from './risk/rules/changes.js';
export {
  RepeatWithin,
  type RepeatWithinOptions,
  TooFrequent,
  type TooFrequentOptions,
} from './risk/rules/frequency.js';
export { type FenceLists, Geofence, type GeofenceOptions } from './risk/rules/geofence.js';
export { ImpossibleTravel, type ImpossibleTravelOptions } from './risk/rules/impossible-travel.js';
export type { LastSeen, RiskOccasion, RiskSignals } from './risk/risk-signals.js';
export { UserAgent } from './risk/user-agent.js';
export { type Assessment, type Finding, strictest, type Verdict } from './risk/verdict.js';
export type { AccessFloor } from './session/access-floor.js';
export type { RevocationChannel, RevocationChannelListener } from './revocation/revocation-channel.js';
export { RevocationFeed, type RevocationFeedStatus } from './revocation/revocation-feed.js';
export type { OpeningRequest } from './common/request/message-request.js';
export { AuthSocketFilter } from './sockets/auth-socket.filter.js';
export type { ClosableSocket } from './sockets/closable-socket.js';
export { SocketSessions } from './sockets/socket-sessions.js';
export { SignInService } from './sign-in/sign-in.service.js';
export { StepUpService } from './sign-in/step-up.service.js';
export { refreshTokenEntities } from './entities.js';
export { Statement, type StatementResult, type StatementValues } from './common/database/statement.js';
export { type AuthUser, USER_PROVIDER, type UserProvider } from './user/user-provider.js';
