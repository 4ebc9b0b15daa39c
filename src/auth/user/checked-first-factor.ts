import { checkedUser, checkedUserOrNull, typeOf, wrongUser } from './checked-user.js';
import type { MfaRequired, SignedInUser } from './user-provider.js';

const MOST_METHODS = 16;
const METHOD = /^[\x21-\x7e]{1,64}$/;

/**
 * Checks what `validateCredentials` returns: a user, a user who needs a second factor, or nobody.
 *
 * @param canContinue whether the user provider can check a second factor
 * @throws AuthError `server_error` for a wrong field; the log names it
 */
export function checkedFirstFactor(
  source: string,
  given: unknown,
  canContinue: boolean,
): SignedInUser | MfaRequired | null {
  if (!asksForMore(given)) return checkedUserOrNull(source, given);
  if (!canContinue) {
    throw wrongUser(
      source,
      'the result is mfaRequired, but the user provider has no continueSignIn(id, secondFactor).',
    );
  }
  const { user, methods } = (given.mfaRequired ?? {}) as Partial<MfaRequired['mfaRequired']>;
  checkedUser(source, user);
  const isRight =
    Array.isArray(methods) &&
    methods.length > 0 &&
    methods.length <= MOST_METHODS &&
    methods.every((method) => typeof method === 'string' && METHOD.test(method));
  if (isRight) return given as MfaRequired;
  const rule = `must be 1 to ${MOST_METHODS} names without spaces, for example ['otp']`;
  throw wrongUser(source, `the field methods of mfaRequired is ${typeOf(methods)}. It ${rule}.`);
}

function asksForMore(given: unknown): given is { mfaRequired: unknown } {
  return typeof given === 'object' && given !== null && 'mfaRequired' in given;
}
