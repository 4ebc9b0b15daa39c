import type { BindingKind } from '../binding/binding-kind.js';
import type { Transport } from '../session/session-options.js';
import type { SessionTerms } from '../session/session-terms.js';

/**
 * The options of one sign-in. Omitted fields get the defaults of `refreshToken`.
 *
 * @example
 * const request: SignInRequest = { clientId: 'ios', deviceName: 'My phone', transport: 'body', ttl: '90d' };
 */
export interface SignInRequest extends SessionTerms {
  clientId?: string;
  deviceName?: string;
  /** Space-separated scopes, each of them listed in `refreshToken.scopes` (RFC 6749 §3.3). */
  scope?: string;
  transport?: Transport;
  /** How to bind the session. A DPoP proof binds it even without this field. */
  bind?: BindingKind;
  /** Whether this device has signed in to the account before. Then it does not wait for the password checks of strangers. */
  isKnownDevice?: boolean;
  /**
   * The same text at each sign-in from this device, for `refreshToken.onNewDevice`: for example an id that your app keeps. 1
   * to 255 characters, without control characters. `POST /auth/login` and `AuthResponder.signIn` take it from a cookie.
   */
  deviceId?: string;
}
