import { AuthConfigurationError } from '../errors/auth-error.js';

/** The values that a check accepts. The reference of the options is made from it. */
export type Accepted =
  | { readonly kind: 'duration'; readonly least: string; readonly most: string }
  | { readonly kind: 'integer'; readonly least: number; readonly most: number }
  | { readonly kind: 'text'; readonly longest: number }
  | { readonly kind: 'one of'; readonly values: readonly string[] };

/** Checks the value that the host gave for an option, and returns it as the library uses it. */
export interface Check<Value> {
  (name: string, given: unknown): Value;
  /** `undefined` if the type of the option says it all, or the check is one of its own. */
  readonly accepts?: Accepted;
}

/** A check that says which values it accepts. */
export function accepting<Value>(accepts: Accepted, check: Check<Value>): Check<Value> {
  return Object.assign(check, { accepts });
}

/**
 * The defaults, overridden by what the host gave.
 *
 * @param known the names of all options, if some have no default
 * @throws AuthConfigurationError for an unknown name, which is usually a typing error, and if it is not an object
 */
export function complete<T extends object>(
  where: string,
  defaults: T,
  given: Partial<T> | undefined,
  known: readonly string[] = Object.keys(defaults),
): T {
  assertObject(where, given ?? {}, known);
  assertKnown(where, given, known);
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return Object.assign(defaults, Object.fromEntries(set));
}

/** @throws AuthConfigurationError for `true` or a list, which would have no effect */
export function assertObject(where: string, given: unknown, known: readonly string[]): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new AuthConfigurationError(`${where} must be an object. Its options are: ${known.join(', ')}.`);
}

/** @throws AuthConfigurationError for an unknown name */
export function assertKnown(where: string, given: object | undefined, known: readonly string[]): void {
  const message = unknownOption(where, given, known);
  if (message !== undefined) throw new AuthConfigurationError(message);
}

/** The message about an unknown name; `undefined` if all names are known. */
export function unknownOption(where: string, given: object | undefined, known: readonly string[]): string | undefined {
  const unknown = Object.keys(given ?? {}).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return `${where}: there is no option "${unknown}". The options are: ${known.join(', ')}.`;
}

/**
 * Another instance may read the same value without the white space, and then each is foreign to the other. The message
 * never holds the value, because it may be a secret.
 *
 * @throws AuthConfigurationError for white space at the ends, for example the newline at the end of a file
 */
export function assertTrimmed(name: string, given: string): void {
  if (given === given.trim()) return;
  throw new AuthConfigurationError(
    `${name} has white space at its ends, for example the newline at the end of a file. Remove it: ` +
      "readFileSync(path, 'utf8').trim(), or process.env.NAME.trim().",
  );
}

export function text(longest = Infinity): Check<string> {
  return accepting({ kind: 'text', longest }, (name, given) => {
    if (typeof given === 'string' && given.trim() !== '' && given.length <= longest) {
      assertTrimmed(name, given);
      return given;
    }
    throw new AuthConfigurationError(
      `${name} must be a non-empty string` + (longest < Infinity ? `, of at most ${longest} characters.` : '.'),
    );
  });
}

export function texts(example: string): Check<string[]> {
  return (name, given) => {
    if (Array.isArray(given) && given.every((one) => typeof one === 'string' && one !== '')) {
      for (const one of given as string[]) assertTrimmed(name, one);
      return given;
    }
    throw new AuthConfigurationError(`${name} must be a list of strings, for example ['${example}'].`);
  };
}

/** Refuses an empty list. */
export function atLeastOne<Value>(check: Check<Value[]>): Check<Value[]> {
  return (name, given) => {
    const values = check(name, given);
    if (values.length > 0) return values;
    throw new AuthConfigurationError(`${name} is empty. Name at least one.`);
  };
}

export const boolean: Check<boolean> = (name, given) => {
  if (typeof given === 'boolean') return given;
  throw new AuthConfigurationError(`${name} must be true or false.`);
};

export function integer(least: number, most: number): Check<number> {
  return accepting({ kind: 'integer', least, most }, (name, given) => {
    if (Number.isInteger(given) && (given as number) >= least && (given as number) <= most) return given as number;
    throw new AuthConfigurationError(`${name} must be a whole number between ${least} and ${most}.`);
  });
}

export function oneOf<const T extends string>(...values: readonly T[]): Check<T> {
  return accepting({ kind: 'one of', values }, (name, given) => {
    if (values.includes(given as T)) return given as T;
    throw new AuthConfigurationError(`${name} must be one of: ${values.join(', ')}.`);
  });
}

export function optional<Value>(check: Check<Value>): Check<Value | undefined> {
  const optionally = (name: string, given: unknown) => (given === undefined ? undefined : check(name, given));
  return Object.assign(optionally, { accepts: check.accepts });
}
