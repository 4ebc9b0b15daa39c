import { isUtf8 } from 'node:buffer';
import { AuthConfigurationError } from '../errors/auth-error.js';
import { assertTrimmed } from '../options/checks.js';

/** The option `secret`: one secret, or a list. The first secret of a list makes new tokens. */
export type SecretOption = string | Uint8Array | (string | Uint8Array)[];

const LEAST_SECRET_BYTES = 32;
const LEAST_DIFFERENT_BYTES = 5;
const ADVICE = 'Make one with: openssl rand -base64 48';

/** @throws AuthConfigurationError if a secret is missing or weak, or has white space at its ends */
export function secretsOf(secret: SecretOption | undefined): Buffer[] {
  const given = Array.isArray(secret) ? secret : [secret];
  if (given.length === 0 || given.some((one) => one === undefined || isBlank(one))) {
    throw new AuthConfigurationError(`secret is missing. ${ADVICE}`);
  }
  return given.map((one, index) => {
    if (typeof one !== 'string' && !(one instanceof Uint8Array)) {
      throw new AuthConfigurationError(`secret must be a string or bytes. ${ADVICE}`);
    }
    const bytes = Buffer.from(one as string);
    // Bytes that only verify older tokens are taken as they are: so a secret with a newline can be replaced.
    if (typeof one === 'string' || (index === 0 && isText(bytes))) {
      assertTrimmed(index === 0 ? 'secret' : `secret[${index}]`, bytes.toString());
    }
    if (bytes.length < LEAST_SECRET_BYTES || new Set(bytes).size < LEAST_DIFFERENT_BYTES) {
      throw new AuthConfigurationError(
        `secret is weak: it takes at least ${LEAST_SECRET_BYTES} random bytes. ${ADVICE}`,
      );
    }
    return bytes;
  });
}

function isBlank(secret: unknown): boolean {
  return typeof secret === 'string' && secret.trim() === '';
}

/** Bytes that were read from a file of text. Random bytes practically never are. */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !/[^\P{Cc}\s]/u.test(bytes.toString());
}
