import type { Keys } from '../common/crypto/key-ring.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import type { BindingEvidence } from './binding-evidence.js';
import type { BindingKind } from './binding-kind.js';

/** What the row keeps of what a session is bound to: `null` in all columns for one that is not. */
export type BoundTo = Pick<RefreshToken, 'dpopThumbprint' | 'certificateThumbprint' | 'clientNonceHash'>;

export const UNBOUND: BoundTo = { dpopThumbprint: null, certificateThumbprint: null, clientNonceHash: null };

/** A session that is being bound, or whose binding is asked for. */
export interface BoundSession extends BoundTo {
  readonly id: string;
  readonly transport: RefreshToken['transport'];
}

/** One kind of binding. */
export interface BindingMethod {
  readonly kind: BindingKind;
  /** Whether a key is proven at each refresh: the predecessor is then honoured until its successor is used. */
  readonly provesKey: boolean;
  isBound(session: BoundTo): boolean;
  /** What the row is to keep; `undefined` where the request has not brought what it takes. */
  bind(sessionId: string, keys: Keys, evidence: BindingEvidence): Binding | undefined;
  /** Whether the request comes from where the session is bound to. */
  holds(session: BoundSession, keys: Keys, evidence: BindingEvidence): boolean;
}

/** A binding that has been made. */
export interface Binding {
  readonly columns: Partial<BoundTo>;
  /** What the client gets, and has to bring from now on. */
  readonly clientNonce?: string;
}
