// The main entry point: what an application needs to sign users in. The other entry points here are `risk/index.ts`,
// `binding/index.ts`, `sockets/index.ts` and `typeorm.ts`. Each name is exported by one entry point only. `npm run api`
// updates the report of all exports.

// The module and its options
export { AuthModule } from './auth.module.js';
export { AuthModuleExtras } from './auth.module-definition.js';
export type { AuthModuleOptions, AuthOptionsFactory } from './auth-options.js';
export { AccessTokenOptions } from './access-token/access-token-options.js';
export { AlertOptions } from './alerts/alert-options.js';
export { AuditOptions } from './audit/audit-options.js';
export { CookieOptions } from './cookie/cookie-options.js';
export { RevocationOptions } from './revocation/revocation-options.js';
export type { ClientOptions } from './session/limits-per-client.js';
export type { MfaOptions } from './sign-in/mfa-options.js';
export { PurgeOptions, RefreshTokenOptions } from './session/session-options.js';
export { AAL1, AAL2, AAL3 } from './session/session-terms.js';
export type { SessionTerms } from './session/session-terms.js';
export type { NewDevice } from './session/new-device.js';
export type { SessionDetails } from './session/session-details.js';
export { authToken, GuardOf, InjectAuth } from './modules/inject-auth.js';
export { Clock } from './common/time/clock.js';

// The users
export type {
  AuthUser,
  ContinuedSignIn,
  MfaRequired,
  ReauthenticatedSession,
  SignedInUser,
  UserProvider,
} from './user/user-provider.js';
export type { AuthenticatedUser } from './access-token/authenticated-user.js';
export type { PossessionHeaders } from './access-token/access-token-possession.js';

// Guards and decorators
export { type GuardedCall, JwtAuthGuard } from './guards/jwt-auth.guard.js';
export { JwtStrategy } from './guards/jwt.strategy.js';
export { PresentedToken, RefreshTokenGuard } from './guards/refresh-token.guard.js';
export { RefreshTokenStrategy } from './guards/refresh-token.strategy.js';
export { RolesGuard } from './guards/roles.guard.js';
export { PermissionsGuard } from './guards/permissions.guard.js';
export { ScopesGuard } from './guards/scopes.guard.js';
export { StepUpGuard } from './guards/step-up.guard.js';
export { NotImpersonated } from './guards/not-impersonated.decorator.js';
export { CurrentUser } from './guards/current-user.decorator.js';
export { Public } from './guards/public.decorator.js';
export { Roles } from './guards/roles.decorator.js';
export { Permissions } from './guards/permissions.decorator.js';
export { Scopes } from './guards/scopes.decorator.js';
export { StepUp } from './guards/step-up.decorator.js';
export { AuthRoute } from './common/request/auth-route.decorator.js';

// Services
export { RefreshTokenService } from './refresh-token/refresh-token.service.js';
export { type ImpersonationOptions, ImpersonationService } from './refresh-token/impersonation.service.js';
export { type NamedSignInRequest, SignInService } from './sign-in/sign-in.service.js';
export { SecondFactorService } from './sign-in/second-factor.service.js';
export { StepUpService } from './sign-in/step-up.service.js';
export { AccessTokenService } from './access-token/access-token.service.js';
export type { IssuedTokens, SessionSummary } from './session/issued-tokens.js';
export type { SignInRequest } from './refresh-token/sign-in-request.js';
export type { ReceivedWith, TokenUse } from './refresh-token/token-use.js';
export { tokenUseOf } from './refresh-token/token-use-of.js';
export { type ClientContext, clientContextOf } from './common/request/client-context.js';

// Errors and HTTP
export { AuthConfigurationError, AuthError, type MfaChallenge } from './common/errors/auth-error.js';
export type { AuthErrorCode } from './common/errors/auth-error-codes.js';
export { AuthExceptionFilter } from './http/auth-exception.filter.js';
export { AuthResponder, type SignInAnswer } from './http/auth-responder.js';
export { authCors, type AuthCorsOptions } from './http/auth-cors.js';

// Events and alerts
export { AuthEventBus } from './events/auth-event-bus.js';
export type { AuthEvent, AuthEventType, RevocationReason } from './events/auth-event.js';
export { AuthEventLog } from './audit/auth-event-log.js';
export type { AuthEventQuery } from './audit/auth-event-query.js';
export type { AlertSink } from './alerts/alert-sink.js';
export { webhookAlerts } from './alerts/webhook-alerts.js';
export type { WebhookAlertsOptions } from './alerts/webhook-options.js';

// Revocation on every instance
export { RevocationFeed } from './revocation/revocation-feed.js';
export type { RevocationChannel, RevocationChannelListener } from './revocation/revocation-channel.js';
export type { AccessFloor } from './session/access-floor.js';
