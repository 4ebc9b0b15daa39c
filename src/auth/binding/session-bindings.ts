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

/** A sign-in, with the evidence to bind its session. */
export interface BindingRequest {
  readonly user: AuthUser;
  /** The kind of binding that the client requests. */
  readonly asked: BindingKind | undefined;
  readonly evidence: BindingEvidence;
  readonly client: ClientContext;
}

/** Binds sessions, by every kind of binding, and checks their bindings. */
@Injectable()
export class SessionBindings {
  constructor(
    private readonly replay: ProofReplay,
    private readonly config: BindingConfig,
    private readonly userConfig: UserProviderConfig,
  ) {}

  /**
   * Binds a new session by every kind that the options require and that the client requests. A DPoP proof binds the
   * session even if nothing requires it.
   *
   * @throws AuthError `invalid_request` if evidence is missing or the requested kind is not allowed;
   *   `invalid_dpop_proof`
   */
  async bind(
    sessionId: string,
    keys: Keys,
    request: BindingRequest,
  ): Promise<{ columns: BoundTo; clientNonce?: string }> {
    const wanted = await this.wanted(request);
    const made = BINDINGS.filter(({ kind }) => wanted.has(kind)).map((binding) => {
      const bound = binding.bind(sessionId, keys, request.evidence);
      if (!bound) throw new AuthError('invalid_request', MISSING[binding.kind], { bindingFailed: true });
      return bound;
    });
    const columns: BoundTo = Object.assign({ ...UNBOUND }, ...made.map((binding) => binding.columns));
    await this.assertFirstUse(columns, request.evidence, { userId: request.user.id, ...request.client });
    return { columns, clientNonce: made.find(({ clientNonce }) => clientNonce)?.clientNonce };
  }

  /** The first kind of binding that the evidence does not match; `undefined` if all match. */
  broken(session: BoundSession, keys: Keys, evidence: BindingEvidence): BindingKind | undefined {
    return BINDINGS.find((binding) => binding.isBound(session) && !binding.holds(session, keys, evidence))?.kind;
  }

  /** Whether the client proves a key at each refresh of the session. */
  provesKey(session: BoundTo): boolean {
    return BINDINGS.some((binding) => binding.provesKey && binding.isBound(session));
  }

  /**
   * Records the proof of a DPoP-bound session as used. Call it last, after all other checks. So only a client with both
   * key and token can make the server store anything.
   *
   * @throws AuthError `invalid_dpop_proof` if the proof has been used before
   */
  async assertFirstUse({ dpopThumbprint }: BoundTo, { dpop }: BindingEvidence, use: ProofUse): Promise<void> {
    if (dpopThumbprint !== null && dpop && !dpop.isClaimed) await this.replay.assertFirstUse(dpop, use);
  }

  /**
   * The hash of the client nonce under new keys, for secret rotation. Call it only after the nonce has been checked.
   */
  rehashClientNonce(session: BoundSession, keys: Keys, { clientNonce }: BindingEvidence): string | null {
    return session.clientNonceHash && hashClientNonce(clientNonce![session.transport]!, session.id, keys);
  }

  private async wanted({ user, asked, evidence }: BindingRequest): Promise<Set<BindingKind>> {
    const { allowed, required } = this.config;
    if (asked !== undefined && !allowed.includes(asked)) {
      throw new AuthError('invalid_request', 'This server does not allow this kind of binding.');
    }
    const wanted = new Set([...required, ...(await this.requiredFor(user))]);
    if (asked !== undefined) wanted.add(asked);
    if (evidence.dpop && allowed.includes('dpop')) wanted.add('dpop');
    return wanted;
  }

  /** Calls the host's hook, with the timeout of the user provider. */
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
