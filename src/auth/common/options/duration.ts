import { AuthConfigurationError } from '../errors/auth-error.js';

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The longest duration that any option accepts: browsers cut cookies at 400 days (RFC 6265bis). */
export const LONGEST = '400d';

/** Milliseconds of a duration such as `'15m'`; `undefined` where it is none. Zero needs no unit. */
export function parseDuration(text: unknown): number | undefined {
  if (text === '0') return 0;
  const match = typeof text === 'string' && /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS];
}

/** The milliseconds of the option `name`, within its bounds, or an error that says what to write. */
export function durationOption(name: string, text: unknown, least: string, most: string): number {
  const value = parseDuration(text);
  if (value === undefined) {
    throw new AuthConfigurationError(
      `${name} is ${JSON.stringify(text)}. Write a number and a unit (ms, s, m, h or d), such as '15m'.`,
    );
  }
  if (value < parseDuration(least)! || value > parseDuration(most)!) {
    throw new AuthConfigurationError(`${name} is '${text}'. It must lie between '${least}' and '${most}'.`);
  }
  return value;
}
