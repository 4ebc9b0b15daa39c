import { Injectable } from '@nestjs/common';
import type { Keys } from '../common/crypto/key-ring.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { UserProviderConfig } from '../user/user-options.js';
import type { AuthUser } from '../user/user-provider.js';
import type { BindingEvidence } from './binding-evidence.js';
import type { BindingKind } from './binding-kind.js';
import { type BoundSession, type BoundTo, type BindingMethod, UNBOUND } from './binding-method.js';
import { BindingConfig, bindingKinds } from './binding-options.js';
import { hashClientNonce, nonceBinding } from './client-nonce/nonce-binding.js';
import { dpopBinding } from './dpop/dpop-binding.js';
import { ProofReplay, type ProofUse } from './dpop/proof-replay.js';
import { certificateBinding } from './tls/certificate-binding.js';

const BINDINGS: readonly BindingMethod[] = [dpopBinding, certificateBinding, nonceBinding];

const MISSING: Record<BindingKind, string> = {
  dpop: 'A DPoP proof is required.',
  tls: 'A TLS client certificate is required.',
  nonce: 'A client nonce is required.',
};

/** What a sign-in has to bind its session by. */
export interface BindingRequest {
  readonly user: AuthUser;
  /** What the client asks for by name. */
  readonly asked: BindingKind | undefined;
  readonly evidence: BindingEvidence;
  readonly client: ClientContext;
}

/** What binds the sessions, of whatever kind, and whether it holds. */
@Injectable()
export class SessionBindings {
  constructor(
    private readonly replay: ProofReplay,
    private readonly config: BindingConfig,
    private readonly userConfig: UserProviderConfig,
  ) {}

  /**
   * Binds a new session as the options require and as its client asks. A DPoP proof in the request binds it too.
   *
   * @throws AuthError `invalid_request` if something is missing or not allowed; `invalid_dpop_proof`
   */
  async bind(
    sessionId: string,
    keys: Keys,
    request: BindingRequest,
  ): Promise<{ columns: BoundTo; clientNonce?: string }> {
    const wanted = await this.wanted(request);
    const made = BINDINGS.filter(({ kind }) => wanted.has(kind)).map((binding) => {
      const bound = binding.bind(sessionId, keys, request.evidence);
      if (!bound) throw new AuthError('invalid_request', MISSING[binding.kind]);
      return bound;
    });
    const columns: BoundTo = Object.assign({ ...UNBOUND }, ...made.map((binding) => binding.columns));
    await this.assertFirstUse(columns, request.evidence, { userId: request.user.id, ...request.client });
    return { columns, clientNonce: made.find(({ clientNonce }) => clientNonce)?.clientNonce };
  }

  /** The kind of binding that does not hold; `undefined` where all do. */
  broken(session: BoundSession, keys: Keys, evidence: BindingEvidence): BindingKind | undefined {
    return BINDINGS.find((binding) => binding.isBound(session) && !binding.holds(session, keys, evidence))?.kind;
  }

  /** Whether a key is proven at each refresh of the session. */
  provesKey(session: BoundTo): boolean {
    return BINDINGS.some((binding) => binding.provesKey && binding.isBound(session));
  }

  /**
   * Uses up the proof of a session that takes one. Comes last before what it is for, so that only who holds key and token
   * can make the server remember anything.
   *
   * @throws AuthError `invalid_dpop_proof` where it has been used before
   */
  async assertFirstUse({ dpopThumbprint }: BoundTo, { dpop }: BindingEvidence, use: ProofUse): Promise<void> {
    if (dpopThumbprint !== null && dpop) await this.replay.assertFirstUse(dpop, use);
  }

  /** The hash of the client nonce under other keys, once it has been found to hold: a secret may be rotated. */
  rehashClientNonce(session: BoundSession, keys: Keys, { clientNonce }: BindingEvidence): string | null {
    return session.clientNonceHash && hashClientNonce(clientNonce![session.transport]!, session.id, keys);
  }

  private async wanted({ user, asked, evidence }: BindingRequest): Promise<Set<BindingKind>> {
    const { allowed, required } = this.config;
    if (asked !== undefined && !allowed.includes(asked)) {
      throw new AuthError('invalid_request', 'This way of binding a session is not offered here.');
    }
    const wanted = new Set([...required, ...(await this.requiredFor(user))]);
    if (asked !== undefined) wanted.add(asked);
    if (evidence.dpop && allowed.includes('dpop')) wanted.add('dpop');
    return wanted;
  }

  /** The host's hook, bounded as the host's user provider is. */
  private async requiredFor(user: AuthUser): Promise<BindingKind[]> {
    const { requiredFor } = this.config;
    if (!requiredFor) return [];
    try {
      const given = Promise.resolve(requiredFor(user));
      return bindingKinds(
        'binding.requiredFor',
        await withTimeout(this.userConfig.userProviderTimeout, 'binding.requiredFor', given),
      );
    } catch (cause) {
      throw new AuthError('temporarily_unavailable', undefined, { cause });
    }
  }
}
