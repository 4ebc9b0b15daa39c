import { AuthConfigurationError } from '../errors/auth-error.js';

/** The option `secret`: one secret, or a list. The first secret of a list makes new tokens. */
export type SecretOption = string | Uint8Array | (string | Uint8Array)[];

const LEAST_SECRET_BYTES = 32;
const LEAST_DIFFERENT_BYTES = 5;
const ADVICE = 'Make one with: openssl rand -base64 48';

/** @throws AuthConfigurationError if a secret is missing or weak */
export function secretsOf(secret: SecretOption | undefined): Buffer[] {
  const given = Array.isArray(secret) ? secret : [secret];
  if (given.length === 0 || given.some((one) => one === undefined || one === '')) {
    throw new AuthConfigurationError(`secret is missing. ${ADVICE}`);
  }
  return given.map((one) => {
    if (typeof one !== 'string' && !(one instanceof Uint8Array)) {
      throw new AuthConfigurationError(`secret must be a string or bytes. ${ADVICE}`);
    }
    const bytes = Buffer.from(one as string);
    if (bytes.length < LEAST_SECRET_BYTES || new Set(bytes).size < LEAST_DIFFERENT_BYTES) {
      throw new AuthConfigurationError(
        `secret is weak: it takes at least ${LEAST_SECRET_BYTES} random bytes. ${ADVICE}`,
      );
    }
    return bytes;
  });
}
