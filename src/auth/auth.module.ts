import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { accessTokenProviders } from './access-token/access-token.providers.js';
import { alertProviders } from './alerts/alerts.providers.js';
import { auditProviders } from './audit/audit.providers.js';
import { configProviders } from './auth-options.js';
import {
  type ASYNC_OPTIONS_TYPE,
  type AuthModuleExtras,
  ConfigurableModuleClass,
  EXTRAS,
  type OPTIONS_TYPE,
} from './auth.module-definition.js';
import { bindingProviders } from './binding/binding.providers.js';
import { commonProviders } from './common/common.providers.js';
import { TlsConfig } from './common/request/tls.js';
import { cookieProviders } from './cookie/cookie.providers.js';
import { eventProviders } from './events/events.providers.js';
import { guardProviders } from './guards/guards.providers.js';
import { httpProviders } from './http/http.providers.js';
import { AuthRegistration } from './modules/auth-registration.js';
import { checkGiven, checkGivenAsync } from './modules/check-registration.js';
import { authToken } from './modules/inject-auth.js';
import { moduleProviders } from './modules/modules.providers.js';
import { refreshTokenProviders } from './refresh-token/refresh-token.providers.js';
import { revocationProviders } from './revocation/revocation.providers.js';
import { riskProviders } from './risk/risk.providers.js';
import { sessionProviders } from './session/session.providers.js';
import { signInProviders } from './sign-in/sign-in.providers.js';
import { socketProviders } from './sockets/sockets.providers.js';
import { streamProviders } from './streams/streams.providers.js';
import { userProviders } from './user/user.providers.js';

/** The providers, ordered from the lowest layer to the highest. */
const CONCEPTS = [
  commonProviders,
  sessionProviders,
  eventProviders,
  userProviders,
  cookieProviders,
  revocationProviders,
  bindingProviders,
  accessTokenProviders,
  riskProviders,
  auditProviders,
  alertProviders,
  refreshTokenProviders,
  signInProviders,
  streamProviders,
  socketProviders,
  moduleProviders,
  guardProviders,
  httpProviders,
];

/** The services that guards and the application use. A module that uses a guard also needs the guard's dependencies. */
const EXPORTED: Type[] = [...CONCEPTS.flatMap(({ exported }) => exported), AuthRegistration, TlsConfig];

/**
 * Adds sessions with short-lived access tokens and rotating refresh tokens. It also adds the auth routes.
 *
 * @throws AuthConfigurationError at boot, for every option that is not valid
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
  providers: [...configProviders, ...CONCEPTS.flatMap(({ exported, internal }) => [...exported, ...internal])],
})
export class AuthModule extends ConfigurableModuleClass {
  /**
   * Registers the module with these options.
   *
   * @throws AuthConfigurationError if the argument is missing
   */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    checkGiven('forRoot', options);
    return exported(super.forRoot(options), options);
  }

  /**
   * Registers the module with options from a factory.
   *
   * @throws AuthConfigurationError if the argument or its factory is missing, or if a property is unknown
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    checkGivenAsync(options, EXTRAS);
    return exported(super.forRootAsync(options), options);
  }
}

/**
 * A module with a name exports its services under that name. It exports them under their classes only to modules that
 * import it: a global class token would be ambiguous.
 */
function exported(definition: DynamicModule, { name }: Pick<AuthModuleExtras, 'name'>): DynamicModule {
  if (name === undefined) return { ...definition, exports: EXPORTED };
  const named = EXPORTED.map((service) => ({ provide: authToken(service, name), useExisting: service }));
  return {
    ...definition,
    providers: [...(definition.providers ?? []), ...named],
    exports: [...(definition.global ? [] : EXPORTED), ...named],
  };
}
