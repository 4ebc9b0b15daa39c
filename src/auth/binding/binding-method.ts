import type { Keys } from '../common/crypto/key-ring.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import type { BindingEvidence } from './binding-evidence.js';
import type { BindingKind } from './binding-kind.js';

/** The columns that store the bindings of a session. A column is `null` if the session has no binding of that kind. */
export type BoundTo = Pick<RefreshToken, 'dpopThumbprint' | 'certificateThumbprint' | 'clientNonceHash'>;

export const UNBOUND: BoundTo = { dpopThumbprint: null, certificateThumbprint: null, clientNonceHash: null };

/** A session that is being bound, or whose binding is being checked. */
export interface BoundSession extends BoundTo {
  readonly id: string;
  readonly transport: RefreshToken['transport'];
}

/** One kind of binding. */
export interface BindingMethod {
  readonly kind: BindingKind;
  /**
   * Whether the client proves a key at each refresh. If so, the predecessor is accepted until its successor is used.
   */
  readonly provesKey: boolean;
  isBound(session: BoundTo): boolean;
  /** The columns to store; `undefined` if the request lacks the evidence for this binding. */
  bind(sessionId: string, keys: Keys, evidence: BindingEvidence): Binding | undefined;
  /** Whether the evidence matches the binding of the session. */
  holds(session: BoundSession, keys: Keys, evidence: BindingEvidence): boolean;
}

/** A new binding. */
export interface Binding {
  readonly columns: Partial<BoundTo>;
  /** The client receives it once, and must send it with each refresh. */
  readonly clientNonce?: string;
}
