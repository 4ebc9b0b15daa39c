import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { AuthError } from '../common/errors/auth-error.js';
import { traced } from '../common/tracing/traced.js';
import type { ClientContext } from '../common/request/client-context.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { type Admitted, RefreshAdmission, type RefreshOccasion } from './refresh-admission.js';
import {
  clientNonceOf,
  liveTokenOf,
  type Reauthenticate,
  type RefreshAttempt,
  RefreshAttempts,
  type RefreshRequest,
} from './refresh-attempt.js';
import { RefreshEvents } from './refresh-events.js';
import { RefreshRefusal } from './refresh-refusal.js';
import type { RefreshDecision } from './refresh-rule.js';
import type { IssuedRefreshToken } from './refresh-token.codec.js';
import { RepeatWriter } from './repeat-writer.js';
import { isLate, type Repeat } from './session-chain.js';
import { SessionRows } from './session-rows.js';
import { WindowStart } from './window-start.js';
import { TokenIssuer } from './token-issuer.js';
import type { TokenUse } from './token-use.js';

/** How often one refresh is attempted. It starts over when a different request changed the session first. */
const MOST_ATTEMPTS = 8;

/** An answer without a token, and a row that seems to be rolled back: it may be the row of a server that lags. */
function needsCertainty({ action }: RefreshDecision): boolean {
  return action === 'adopt' || action === 'superseded' || action === 'reuse' || action === 'refuse';
}

/** What a request does once, however many attempts it needs. */
interface Once {
  /** Records the DPoP proof of the request as used. Does nothing if there is no proof. */
  useProof(): Promise<void>;
  /**
   * Asks the risk rules and the user provider, and again only if more than the lists of uses has changed since.
   * `undefined` if the session has changed since it was read.
   */
  admit(occasion: RefreshOccasion): Promise<Admitted | undefined>;
}

/** Carries out the decision of the refresh rule: reads, checks, and writes once. */
@Injectable()
export class TokenRotation {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly attempts: RefreshAttempts,
    private readonly admission: RefreshAdmission,
    private readonly rows: SessionRows,
    private readonly repeats: RepeatWriter,
    private readonly issuer: TokenIssuer,
    private readonly windowStart: WindowStart,
    private readonly refusal: RefreshRefusal,
    private readonly events: RefreshEvents,
  ) {}

  /** @param reauthenticate called instead of loading the user when the request is a step-up */
  refresh(
    refreshToken: string | IssuedRefreshToken,
    from: ClientContext,
    evidence: BindingEvidence,
    use: TokenUse,
    reauthenticate?: Reauthenticate,
  ): Promise<IssuedTokens> {
    return traced(reauthenticate ? 'nrt.step_up' : 'nrt.refresh', async () =>
      this.answer(await this.attempts.begin(refreshToken, from, evidence, use, reauthenticate)),
    );
  }

  private async answer(request: RefreshRequest): Promise<IssuedTokens> {
    let proofUsed: Promise<void> | undefined;
    let admission: { of: string; admitted: Promise<Admitted | undefined> } | undefined;
    let wasLive = false;
    let caughtUp = false;
    for (let count = 1; count <= MOST_ATTEMPTS; count++) {
      const attempt = await this.attempts.read(request, caughtUp);
      const once: Once = {
        useProof: () => (proofUsed ??= this.admission.useProof(attempt)),
        admit: (occasion) => {
          const { generation, accessFloor, credentialsHash } = attempt.session;
          const of = [occasion, generation, accessFloor, credentialsHash].join();
          if (admission?.of !== of) admission = { of, admitted: this.admission.admit(occasion, attempt) };
          return admission.admitted;
        },
      };
      const decision = await this.attempts.decide(attempt, wasLive);
      if (!caughtUp && needsCertainty(decision) && (await this.store.mayLag())) {
        caughtUp = true;
        continue;
      }
      const issued = await this.carryOut(decision, attempt, once);
      if (issued) return issued;
      wasLive ||= decision.action === 'rotate' || decision.action === 'adopt';
      // A different request changed the session between the read and the write.
    }
    throw new AuthError('temporarily_unavailable');
  }

  private async carryOut(
    decision: RefreshDecision,
    attempt: RefreshAttempt,
    once: Once,
  ): Promise<IssuedTokens | undefined> {
    const { session, presented, located, brokenBinding } = attempt;
    const { client } = located;
    switch (decision.action) {
      case 'rotate':
      case 'adopt':
        return this.rotate(attempt, once);
      case 'repeat':
      case 'retry':
      case 'late':
        return this.repeat(decision, attempt, once);
      case 'superseded':
        throw this.refusal.superseded(session, presented.generation, client);
      case 'reuse':
        await this.assertSenderWaits(attempt);
        throw await this.refusal.reused(session, decision.reason, presented.generation, client);
      case 'refuse':
        if (decision.reason === 'binding_failed') throw this.refusal.unbound(session, brokenBinding!, client);
        if (decision.reason === 'concurrent') await this.windowStart.postpone(session);
        throw this.refusal.denied(session, decision.reason, client, presented.generation);
    }
  }

  /** Everything that can fail comes before the one write. Returns `undefined` if a different request wrote first. */
  private async rotate(attempt: RefreshAttempt, once: Once): Promise<IssuedTokens | undefined> {
    const { session, keyBound } = attempt;
    const admitted = await once.admit('refresh');
    if (!admitted) return undefined;
    const { user, remark } = admitted;
    const settlingTime = this.windowStart.timeOf(keyBound);
    const { rotated, successor } = await this.rows.rotated(attempt, admitted, settlingTime);
    const issued = this.issuer.tokensOf(rotated, successor, user, clientNonceOf(attempt));
    await once.useProof();
    const startedAt = performance.now();
    if (!(await this.store.rotate(session, rotated))) return undefined;

    await this.windowStart.committed(rotated, performance.now() - startedAt);
    this.events.rotated(rotated, attempt, remark);
    if (settlingTime > 0) await this.windowStart.settled(rotated);
    return issued;
  }

  /** Answers with the live token again. */
  private async repeat(decision: Repeat, attempt: RefreshAttempt, once: Once): Promise<IssuedTokens | undefined> {
    const admitted = await once.admit(isLate(decision) ? 'late' : 'repeat');
    if (!admitted) return undefined;
    const { user, remark } = admitted;
    const seen = this.rows.repeated(attempt, admitted, decision);
    const issued = this.issuer.tokensOf(seen, liveTokenOf(attempt), user, clientNonceOf(attempt));
    await once.useProof();
    const written = await this.repeats.write(attempt.session, decision, seen);
    if (!written) return undefined;

    this.events.repeated(decision, written, attempt, remark);
    return issued;
  }

  /**
   * Who has hung up can be given nothing. So a request that came late, for example to a process that stood still, does
   * not end a session.
   *
   * @throws AuthError `temporarily_unavailable` if the sender is gone
   */
  private async assertSenderWaits({ says: { hasHungUp } }: RefreshAttempt): Promise<void> {
    if (!hasHungUp) return;
    // Lets the process read from its sockets that the sender is gone.
    for (let turn = 0; turn < 2 && !hasHungUp(); turn++) await new Promise((resolve) => setImmediate(resolve));
    if (hasHungUp()) throw new AuthError('temporarily_unavailable');
  }
}
