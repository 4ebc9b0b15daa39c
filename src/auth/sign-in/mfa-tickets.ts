import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { CLOCK_SKEW, UsedDpopProofStore } from '../binding/dpop/used-dpop-proof.store.js';
import { equalInConstantTime } from '../common/crypto/equal-in-constant-time.js';
import { KeyRing } from '../common/crypto/key-ring.js';
import { sha256 } from '../common/crypto/sha256.js';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { credentialsHashOf } from '../refresh-token/credentials.js';
import type { AuthUser } from '../user/user-provider.js';
import { MfaConfig } from './mfa-options.js';
import { MfaTicketCodec } from './mfa-ticket.codec.js';
import type { PendingSignIn } from './pending-sign-in.js';

type NewSignIn = Pick<PendingSignIn, 'accountName' | 'request' | 'methods'>;

/** Issues tickets, and lets each of them begin one session. */
@Injectable()
export class MfaTickets {
  constructor(
    private readonly codec: MfaTicketCodec,
    private readonly uses: UsedDpopProofStore,
    private readonly keys: KeyRing,
    private readonly clock: Clock,
    private readonly config: MfaConfig,
  ) {}

  /** The error that carries a ticket for this sign-in. */
  required(user: AuthUser, { methods, ...signIn }: NewSignIn, evidence: BindingEvidence): AuthError {
    const id = randomBytes(16).toString('base64url');
    const ticket = this.codec.seal({
      id,
      userId: user.id,
      credentialsHash: credentialsHashOf({ id, userId: user.id }, this.keys.current, user),
      ...signIn,
      methods,
      ...proven(evidence, signIn.request.bind === 'tls'),
      expiresAt: this.clock.now() + this.config.ticketTtl,
    });
    const mfa = { ticket, methods: [...methods], expiresIn: Math.floor(this.config.ticketTtl / 1000) };
    return new AuthError('mfa_required', undefined, { mfa });
  }

  /** The sign-in of a ticket that this server has issued. It may have expired or be used up. */
  read(ticket: unknown): PendingSignIn | undefined {
    return this.codec.open(ticket);
  }

  isExpired({ expiresAt }: PendingSignIn): boolean {
    return expiresAt <= this.clock.now();
  }

  /** @throws AuthError `invalid_dpop_proof` or `invalid_request` if another client continues than has begun */
  assertSameClient(signIn: PendingSignIn, evidence: BindingEvidence): void {
    const { dpopKey, certificate } = proven(evidence, signIn.certificate !== undefined);
    if (dpopKey !== signIn.dpopKey) {
      throw new AuthError('invalid_dpop_proof', 'Prove the same key at both steps of a sign-in.');
    }
    if (certificate !== signIn.certificate) {
      const details = { bindingFailed: true };
      throw new AuthError(
        'invalid_request',
        'Present the same client certificate at both steps of a sign-in.',
        details,
      );
    }
  }

  /** Whether the user has other credentials than at the first step. It is not judged if one version is not known. */
  isOfOtherCredentials(signIn: PendingSignIn, user: AuthUser): boolean {
    const { credentialsHash } = signIn;
    if (credentialsHash === null) return false;
    // The secret may have been rotated in between.
    const hashes = this.keys.all.map((keys) => credentialsHashOf(signIn, keys, user));
    return hashes.every((hash) => hash !== null && !equalInConstantTime(hash, credentialsHash));
  }

  /** Takes one of the attempts, unless the ticket is used up. */
  async takeAttempt(signIn: PendingSignIn): Promise<boolean> {
    if ((await this.uses.keptUntil(idOf(signIn, 'used'))) > 0) return false;
    for (let attempt = 1; attempt <= this.config.attempts; attempt++) {
      if (await this.claim(signIn, `attempt ${attempt}`)) return true;
    }
    return false;
  }

  /** Resolves to `true` for the first call on any instance. After that, no attempt is left. */
  use(signIn: PendingSignIn): Promise<boolean> {
    return this.claim(signIn, 'used');
  }

  private claim(signIn: PendingSignIn, what: string): Promise<boolean> {
    const left = Math.max(0, signIn.expiresAt - this.clock.now());
    return this.uses.claim(idOf(signIn, what), left + CLOCK_SKEW);
  }
}

/** What the request proves, and the other step has to prove as well. */
function proven({ dpop, ...evidence }: BindingEvidence, byCertificate: boolean) {
  return {
    ...(dpop && { dpopKey: dpop.thumbprint }),
    ...(byCertificate && { certificate: evidence.certificateThumbprint }),
  };
}

/** In the table of used proofs, whose ids are hashes of this length. */
function idOf({ id }: PendingSignIn, what: string): string {
  return sha256(`mfa ticket ${id} ${what}`);
}
