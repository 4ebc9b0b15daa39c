import { AuthConfigurationError } from '../common/errors/auth-error.js';

const EXAMPLE = '{ imports: [UsersModule], userProvider: UsersService, … }';
/** `forRootAsync` needs one of these. */
const FACTORIES = ['useFactory', 'useClass', 'useExisting'];
/** What `forRootAsync` of Nest's modules takes in addition. */
const OF_FACTORIES = ['imports', 'inject', 'provideInjectionTokensFrom'];

/** @throws AuthConfigurationError if the argument is missing */
export function checkGiven(method: 'forRoot' | 'forRootAsync', given: object | undefined): void {
  if (typeof given === 'object' && given !== null) return;
  throw new AuthConfigurationError(`AuthModule.${method} takes an object. Write AuthModule.${method}(${EXAMPLE}).`);
}

/**
 * Checks the argument of `forRootAsync`. Without this check, a misspelled extra would be ignored silently.
 *
 * @param extras the names of the extras
 * @throws AuthConfigurationError for an unknown property, or if the factory is missing
 */
export function checkGivenAsync(given: object, extras: string[]): void {
  checkGiven('forRootAsync', given);
  const known = [...FACTORIES, ...OF_FACTORIES, ...extras];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new AuthConfigurationError(
      `AuthModule.forRootAsync: "${unknown}" is not known next to the factory. The factory returns all options. ` +
        `Next to it you can write: ${[...new Set(known)].join(', ')}.`,
    );
  }
  if (!FACTORIES.some((name) => (given as Record<string, unknown>)[name] !== undefined)) {
    throw new AuthConfigurationError(`AuthModule.forRootAsync takes one of: ${FACTORIES.join(', ')}.`);
  }
}

/** @throws AuthConfigurationError if a factory returns an extra */
export function checkReturned(options: object | undefined, extras: string[]): void {
  const misplaced = Object.keys(options ?? {}).find((name) => extras.includes(name));
  if (misplaced === undefined) return;
  throw new AuthConfigurationError(
    `${misplaced} decides the shape of the module. Write it next to useFactory, not into the object that the factory returns.`,
  );
}

/** @throws AuthConfigurationError if the user provider is missing or is not an injection token */
export function checkUserProvider(userProvider: unknown): void {
  if (['string', 'symbol', 'function'].includes(typeof userProvider)) return;
  if (typeof userProvider === 'object' && userProvider !== null && 'forwardRef' in userProvider) return;
  const missing = userProvider === undefined || userProvider === null;
  throw new AuthConfigurationError(
    `userProvider ${missing ? 'is missing' : 'must be a class or a different injection token'}. ` +
      `Write AuthModule.forRoot(${EXAMPLE}).`,
  );
}
