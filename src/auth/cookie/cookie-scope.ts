import { AuthConfigurationError } from '../common/errors/auth-error.js';

/** Characters of a host name (RFC 1035 §2.3.4). */
const LONGEST_DOMAIN = 253;
const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
/** At least two labels, the last not a number: that would be an address. */
const DOMAIN = new RegExp(`^(${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
/** The usual registries below a country. Browsers know the whole Public Suffix List. */
const PUBLIC_SUFFIX = /^(ac|co|com|edu|gov|net|org)\.[a-z]{2}$/;

/** Checks the value of the attribute `Domain`. */
export function cookieDomain(name: string, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'string' || given.length > LONGEST_DOMAIN || !DOMAIN.test(given)) {
    throw new AuthConfigurationError(
      `${name} must be a domain in lower case, for example 'example.com': no scheme, no port, no dot at its ends, no ` +
        'address, and at least two parts. For localhost or an address, remove it.',
    );
  }
  if (!PUBLIC_SUFFIX.test(given)) return given;
  throw new AuthConfigurationError(
    `${name}: '${given}' is a public suffix, and browsers refuse its cookies. Write your own domain, for example 'example.${given}'.`,
  );
}

/** Checks the value of the attribute `Path`. */
export function cookiePath(name: string, given: unknown): string {
  if (typeof given === 'string' && /^\/[\w.~/-]{0,200}$/.test(given)) return given;
  throw new AuthConfigurationError(
    `${name} must be a path of at most 200 characters that begins with a slash, for example '/app'.`,
  );
}
