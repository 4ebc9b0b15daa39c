import { AuthConfigurationError } from '../common/errors/auth-error.js';

const EXAMPLE = '{ imports: [UsersModule], userProvider: UsersService, … }';
/** Of which one makes the options. */
const FACTORIES = ['useFactory', 'useClass', 'useExisting'];
/** What `forRootAsync` of Nest's modules takes beside that. */
const OF_FACTORIES = ['imports', 'inject', 'provideInjectionTokensFrom'];

/** @throws AuthConfigurationError where nothing is given */
export function checkGiven(method: 'forRoot' | 'forRootAsync', given: object | undefined): void {
  if (typeof given === 'object' && given !== null) return;
  throw new AuthConfigurationError(`AuthModule.${method} takes an object. Write AuthModule.${method}(${EXAMPLE}).`);
}

/**
 * What stands beside a factory and is not known there would be passed over, and a module that is misspelled have its routes.
 *
 * @param extras the names of what decides the shape of the module
 * @throws AuthConfigurationError
 */
export function checkGivenAsync(given: object, extras: string[]): void {
  checkGiven('forRootAsync', given);
  const known = [...FACTORIES, ...OF_FACTORIES, ...extras];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new AuthConfigurationError(
      `AuthModule.forRootAsync: there is no "${unknown}" beside the factory, which returns all options. ` +
        `Beside it there are: ${[...new Set(known)].join(', ')}.`,
    );
  }
  if (!FACTORIES.some((name) => (given as Record<string, unknown>)[name] !== undefined)) {
    throw new AuthConfigurationError(`AuthModule.forRootAsync takes one of: ${FACTORIES.join(', ')}.`);
  }
}

/** @throws AuthConfigurationError where a factory returns what stands beside it */
export function checkReturned(options: object | undefined, extras: string[]): void {
  const misplaced = Object.keys(options ?? {}).find((name) => extras.includes(name));
  if (misplaced === undefined) return;
  throw new AuthConfigurationError(
    `${misplaced} decides the shape of the module. Write it beside useFactory, not into what that returns.`,
  );
}

/** @throws AuthConfigurationError where the user provider is none that can be injected */
export function checkUserProvider(userProvider: unknown): void {
  if (['string', 'symbol', 'function'].includes(typeof userProvider)) return;
  if (typeof userProvider === 'object' && userProvider !== null && 'forwardRef' in userProvider) return;
  const missing = userProvider === undefined || userProvider === null;
  throw new AuthConfigurationError(
    `userProvider ${missing ? 'is missing' : 'must be a class, or another injection token'}. ` +
      `Write AuthModule.forRoot(${EXAMPLE}).`,
  );
}
