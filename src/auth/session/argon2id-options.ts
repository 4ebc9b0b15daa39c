import { AuthConfigurationError } from '../common/errors/auth-error.js';

/** Parameters of Argon2id (RFC 9106). The defaults are those of the OWASP Password Storage Cheat Sheet. */
export interface Argon2idOptions {
  /** Memory in KiB. At least 1024. */
  memoryCost?: number;
  /** Passes over the memory. */
  timeCost?: number;
  /** Lanes. */
  parallelism?: number;
}

/** @throws AuthConfigurationError for parameters that `argon2` would refuse */
export function argon2idParameters(given: Argon2idOptions): Required<Argon2idOptions> {
  const { memoryCost = 19_456, timeCost = 2, parallelism = 1, ...rest } = given;
  const sound = Object.values({ memoryCost, timeCost, parallelism }).every(
    (cost) => Number.isInteger(cost) && cost >= 1,
  );
  if (!sound || memoryCost < 1024 || Object.keys(rest).length > 0) {
    throw new AuthConfigurationError(
      'refreshToken.hasher: Argon2id takes memoryCost (KiB, at least 1024), timeCost and parallelism.',
    );
  }
  return { memoryCost, timeCost, parallelism };
}
