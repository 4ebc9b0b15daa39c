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
import { RISK_RULES, type RiskRule } from './risk/risk-rule.js';
import { RefreshToken, type RefreshTokenColumns } from './session/refresh-token.entity.js';
import { SESSION_ENTITY } from './session/refresh-token.store.js';
import { USER_PROVIDER, type UserProvider } from './user/user-provider.js';

/** What decides the shape of the module, and so is given beside the options and not by a factory. */
export class AuthModuleExtras {
  /** The module that exports `userProvider`; not needed for a global one. */
  imports?: ModuleMetadata['imports'] = [];
  /** Required. The class, or other injection token, of the host's {@link UserProvider}. */
  userProvider?: InjectionToken<UserProvider> = undefined;
  /**
   * Needed for a second `AuthModule` in the application: its services are then injected by
   * `@InjectAuth(RefreshTokenService, 'staff')`, its guards used by `@UseGuards(GuardOf(JwtAuthGuard, 'staff'))`.
   */
  name?: string = undefined;
  /** Whether guards and services can be used everywhere without importing the module again. */
  isGlobal?: boolean = true;
  /** Whether the routes under `/auth` are there. */
  controllers?: boolean = true;
  /** The path of the routes, below the global prefix of the application if it has one. */
  routePrefix?: string = 'auth';
  /** The version of the routes, in an application with versions (`enableVersioning`); `VERSION_NEUTRAL`: all of them. */
  version?: ControllerOptions['version'] = undefined;
  /** The name of the TypeORM `DataSource` that holds the sessions. */
  dataSource?: string = 'default';
  /** Rules of the host's own, beside those in `risk.rules`: classes, or other injection tokens, that `imports` export. */
  riskRules?: InjectionToken<RiskRule>[] = [];
  /** Who is told of alerts: classes, or other injection tokens, that `imports` export. */
  alertSinks?: InjectionToken<AlertSink>[] = [];
  /** The table of the sessions, where the application has several; made by `@RefreshTokenTable('staff_refresh_tokens')`. */
  entity?: Type<RefreshTokenColumns> = RefreshToken;
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
