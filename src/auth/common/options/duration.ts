import { AuthConfigurationError } from '../errors/auth-error.js';
import { accepting, type Check } from './checks.js';

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The longest duration that any option accepts: browsers cut cookies at 400 days (RFC 6265bis). */
export const LONGEST = '400d';

/** Milliseconds of a duration, for example `'15m'`; `undefined` if the text is not a duration. Zero needs no unit. */
export function parseDuration(text: unknown): number | undefined {
  if (text === '0') return 0;
  const match = typeof text === 'string' && /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS];
}

/** Accepts a duration within these bounds, for example `'15m'`, and returns milliseconds. */
export function duration(least: string, most: string): Check<number> {
  return accepting({ kind: 'duration', least, most }, (name, given) => {
    const value = parseDuration(given);
    if (value === undefined) {
      throw new AuthConfigurationError(
        `${name} is ${JSON.stringify(given)}. Write a number and a unit (ms, s, m, h or d), for example '15m'.`,
      );
    }
    if (value < parseDuration(least)! || value > parseDuration(most)!) {
      throw new AuthConfigurationError(`${name} is '${given}'. It must be between '${least}' and '${most}'.`);
    }
    return value;
  });
}
