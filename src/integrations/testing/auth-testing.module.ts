import type { DynamicModule, Provider } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from '../../auth/auth.module.js';
import { Clock } from '../../auth/common/time/clock.js';
import { type AuthTestingOptions, setupOf, type TestSetup } from './auth-testing-options.js';
import { memoryProviders } from './memory/memory.providers.js';
import { refuseProduction } from './refuse-production.js';
import { TestClock } from './test-clock.js';
import { TestUsers } from './test-users.js';

/** Nothing is protected by it: the sessions are gone when the process ends. */
const SECRET = 'only-for-tests-and-known-to-everybody-0123456789';

/**
 * `AuthModule` without a database: its sessions and events are in memory. All else is the same, so that a test sees what
 * production does: guards, decorators, routes, services, events, refusals. `get(TestClock)` and `get(TestUsers)` return its
 * clock and its users.
 *
 * A `manager` that your code passes is ignored: the change applies at once.
 *
 * @example
 * const moduleRef = await Test.createTestingModule({
 *   imports: [AuthTestingModule.forRoot()],
 *   controllers: [OrdersController],
 * }).compile();
 *
 * @example
 * // If your module has it in a variable: export const authModule = AuthModule.forRoot({ … });
 * Test.createTestingModule({ imports: [AppModule] }).overrideModule(authModule).useModule(AuthTestingModule.forRoot());
 */
export class AuthTestingModule {
  /**
   * Returns the module for the `imports` of a test.
   *
   * @throws AuthConfigurationError if `NODE_ENV` is `production`, or for a wrong option
   */
  static forRoot(options: AuthTestingOptions = {}): DynamicModule {
    refuseProduction('AuthTestingModule');
    const setup = setupOf(options);
    const { name, imports = [], userProvider = TestUsers } = setup.options;
    const definition = AuthModule.forRoot({
      secret: SECRET,
      ...setup.options,
      imports: [],
      userProvider,
      // Modules with one data source must have different tables. In memory each has its own.
      dataSource: `memory of ${name ?? 'the module without a name'}`,
    });
    const withoutDatabase = definition.imports!.filter((one) => (one as DynamicModule).module !== TypeOrmModule);
    const own = ownProviders(setup);
    return {
      ...definition,
      imports: [...withoutDatabase, ...imports],
      providers: [...definition.providers!, ...memoryProviders, { provide: Clock, useValue: setup.clock }, ...own],
      exports: [...definition.exports!, ...own.map(({ provide }) => provide)],
    };
  }
}

/** What only a module for tests provides. */
function ownProviders({ users, clock }: TestSetup): Extract<Provider, { useValue: unknown }>[] {
  return [
    ...(users ? [{ provide: TestUsers, useValue: users }] : []),
    ...(clock instanceof TestClock ? [{ provide: TestClock, useValue: clock }] : []),
  ];
}
