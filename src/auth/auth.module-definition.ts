import {
  ConfigurableModuleBuilder,
  type ControllerOptions,
  type InjectionToken,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { ALERT_SINKS, type AlertSink } from './alerts/alert-sink.js';
import { type AuthModuleOptions, checkedOptions } from './auth-options.js';
import { AUTH_DATA_SOURCE } from './common/database/auth-database.js';
import { boolean } from './common/options/checks.js';
import { AUTH_OPTIONS } from './common/options/config.js';
import { MODULE_NAME } from './common/options/module-name.js';
import { entitiesWith } from './entities.js';
import { controllersAt } from './http/controllers-at.js';
import { AuthRegistration } from './modules/auth-registration.js';
import { checkReturned, checkUserProvider } from './modules/check-registration.js';
import { ShutdownModule } from './modules/shutdown.module.js';
import { RISK_RULES, type RiskRule } from './risk/risk-rule.js';
import { RefreshToken, type RefreshTokenColumns } from './session/refresh-token.entity.js';
import { SESSION_ENTITY } from './session/refresh-token.store.js';
import { type AnyUserProvider, USER_PROVIDER } from './user/user-provider.js';

/**
 * What decides the shape of the module. You give it to `forRoot` and `forRootAsync` directly, because a factory runs
 * too late for it.
 */
export class AuthModuleExtras {
  /** The modules that export `userProvider`, `riskRules` and `alertSinks`. A global module need not be listed. */
  imports?: ModuleMetadata['imports'] = [];
  /** Your `UserProvider`: its class, or another injection token. */
  userProvider?: InjectionToken<AnyUserProvider> = undefined;
  /**
   * The name of a second `AuthModule` in the application. Inject its services with `@InjectAuth(RefreshTokenService,
   * 'staff')`, and use its guards with `@UseGuards(GuardOf(JwtAuthGuard, 'staff'))`.
   */
  name?: string = undefined;
  /** Whether all modules can use the guards and services without importing this module. */
  isGlobal?: boolean = true;
  /** Whether the module has its routes (`/auth`). */
  controllers?: boolean = true;
  /** The path of the routes. A global prefix of the application comes before it. */
  routePrefix?: string = 'auth';
  /**
   * The version of the routes, in an application with `enableVersioning`: a string, a list, or `VERSION_NEUTRAL`. By
   * default that of the application.
   */
  version?: ControllerOptions['version'] = undefined;
  /** The name of the TypeORM `DataSource` that holds the sessions. */
  dataSource?: string = 'default';
  /**
   * Risk rules of your own that inject services: their classes, or other injection tokens. They apply in addition to
   * `risk.rules`.
   */
  riskRules?: InjectionToken<RiskRule>[] = [];
  /** The sinks that get alerts: their classes, or other injection tokens. */
  alertSinks?: InjectionToken<AlertSink>[] = [];
  /**
   * The entity of the sessions, if the application has several tables of them. Its class has
   * `@RefreshTokenTable('staff_refresh_tokens')`.
   */
  entity?: Type<RefreshTokenColumns> = RefreshToken;
  /**
   * The class of the body of `POST /auth/login`, with decorators of `class-validator`: for example an email, a password
   * and a one-time password. It replaces `username` and `password`. `validateCredentials` gets the instance, once for each
   * login: return `credentialsVersion` too, so that a sign-in with an old password does not last. A field that neither the
   * class nor the module has is 400 `invalid_request`, which names it.
   */
  loginDto?: Type<object> = undefined;
  /**
   * The fields of `loginDto` that name the account: at most four. Throttling, events and known devices tell accounts apart
   * by them, and each is a text of at most 255 characters. By default those of `username` and `email` that `loginDto` has.
   * With `[]`, logins name no account: only `loginFailuresOfAddress` limits guesses then.
   */
  accountFields?: string[] = undefined;
  /**
   * The same as `loginDto` for `POST /auth/step-up`. It replaces `password`, and `reauthenticate` gets the instance. The
   * token is not consumed if a field is not valid.
   */
  stepUpDto?: Type<object> = undefined;
  /**
   * The class of the second factor, with decorators of `class-validator`. With it, there is the route
   * `POST /auth/login/continue`: it takes these fields and `mfa_ticket`, and `continueSignIn` gets the instance. Needed if
   * `validateCredentials` returns `mfaRequired` and the module has its routes.
   */
  mfaDto?: Type<object> = undefined;
}

/** The names of these. */
export const EXTRAS = Object.keys(new AuthModuleExtras());

/** Injects what the host wrote, before it has been checked. */
const GIVEN_OPTIONS = Symbol('GIVEN_OPTIONS');

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<AuthModuleOptions>({
    moduleName: 'Auth',
    optionsInjectionToken: GIVEN_OPTIONS,
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createAuthOptions')
    .setExtras({ ...new AuthModuleExtras() }, (definition, extras) => {
      const { imports = [], userProvider, isGlobal } = extras;
      const { riskRules = [], alertSinks = [] } = extras;
      checkUserProvider(userProvider);
      const registration = new AuthRegistration(extras);
      const { controllers, dataSource, entity } = registration;
      return {
        ...definition,
        global: boolean('isGlobal', isGlobal ?? true),
        imports: [
          ...(definition.imports ?? []),
          ...imports,
          TypeOrmModule.forFeature(entitiesWith(entity), dataSource),
          ShutdownModule,
        ],
        controllers: controllers ? controllersAt(registration) : [],
        providers: [
          ...(definition.providers ?? []),
          {
            provide: AUTH_OPTIONS,
            useFactory: (options: AuthModuleOptions) => {
              checkReturned(options, EXTRAS);
              return checkedOptions(options);
            },
            inject: [GIVEN_OPTIONS],
          },
          { provide: AuthRegistration, useValue: registration },
          { provide: MODULE_NAME, useFactory: () => registration.name },
          { provide: SESSION_ENTITY, useValue: entity },
          { provide: USER_PROVIDER, useExisting: userProvider! },
          { provide: RISK_RULES, useFactory: (...rules: RiskRule[]) => rules, inject: riskRules },
          { provide: ALERT_SINKS, useFactory: (...sinks: AlertSink[]) => sinks, inject: alertSinks },
          { provide: AUTH_DATA_SOURCE, useExisting: getDataSourceToken(dataSource) },
        ],
      };
    })
    .build();
