import type { BindingKind } from '../binding/binding-kind.js';
import type { Transport } from '../session/session-options.js';

/** What a login may choose. */
export interface SignInRequest {
  clientId?: string;
  deviceName?: string;
  /** Space-separated. */
  scope?: string;
  transport?: Transport;
  /** What the session is to be bound by. A DPoP proof binds it unasked. */
  bind?: BindingKind;
}
