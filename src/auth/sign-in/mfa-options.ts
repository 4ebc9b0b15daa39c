import { integer } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** The second step of a sign-in, if `validateCredentials` asks for a second factor. */
export class MfaOptions {
  /** How long the second step may come after the first one. A ticket stands for the first step, and is good for one session. */
  ticketTtl = '5m';
  /**
   * How many second factors may be tried with one ticket. Each that reaches your `continueSignIn` counts, right or wrong.
   * After them, the user begins again with the first step.
   */
  attempts = 5;
}

export class MfaConfig extends configOf('mfa.', MfaOptions, {
  ticketTtl: duration('30s', '1h'),
  attempts: integer(1, 20),
}) {}
