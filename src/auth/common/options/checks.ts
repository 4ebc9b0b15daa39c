import { AuthConfigurationError } from '../errors/auth-error.js';

/**
 * The defaults overlaid with what is given; a name that no option has is a typing error, and refused.
 *
 * @param required options that have no default
 */
export function complete<T extends object>(
  where: string,
  defaults: T,
  given: Partial<T> | undefined,
  required: (keyof T & string)[] = [],
): T {
  const known = [...Object.keys(defaults), ...required];
  for (const name of Object.keys(given ?? {})) {
    if (!known.includes(name)) {
      throw new AuthConfigurationError(`${where}: there is no option "${name}". There are: ${known.join(', ')}.`);
    }
  }
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return Object.assign(defaults, Object.fromEntries(set));
}

export function text(name: string, value: unknown, longest = Infinity): string {
  if (typeof value === 'string' && value !== '' && value.length <= longest) return value;
  throw new AuthConfigurationError(
    `${name} must be a string that is not empty` + (longest < Infinity ? `, of at most ${longest} characters.` : '.'),
  );
}

export function texts(name: string, value: unknown, example: string): string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')) return value;
  throw new AuthConfigurationError(`${name} must be a list of strings, such as ['${example}'].`);
}

export function boolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new AuthConfigurationError(`${name} must be true or false.`);
}

export function integer(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new AuthConfigurationError(`${name} must be a whole number between ${least} and ${most}.`);
}

export function oneOf<T extends string>(name: string, value: unknown, values: T[]): T {
  if (values.includes(value as T)) return value as T;
  throw new AuthConfigurationError(`${name} must be one of: ${values.join(', ')}.`);
}
