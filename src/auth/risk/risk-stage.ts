import { Injectable, Logger } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { Clock } from '../common/time/clock.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AuthEvent } from '../events/auth-event.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { type LocatedClient, RiskAssessor } from './risk-assessor.js';
import type { RiskOccasion, RiskSignals } from './risk-signals.js';
import { TooFrequent } from './rules/frequency.js';
import { firstSeen, type SeenColumns, seenAgain, signalsOf, signInSignals } from './session-signals.js';
import type { Assessment, Finding } from './verdict.js';

/** The fields that risk rules add to the event of a successful request. */
export type RiskRemark = Pick<AuthEvent, 'alert' | 'reason' | 'reasons'>;

const NO_REMARK: RiskRemark = {};

/** Applies the verdicts of the risk rules, before anything is written. */
@Injectable()
export class RiskStage {
  private readonly logger = new Logger(RiskStage.name);
  /** Rules that asked for a step-up although the host cannot do one. Each is logged once. */
  private readonly unanswerable = new Set<string>();
  /** The period in milliseconds in which refreshes are counted. `undefined` if no rule counts them. */
  private readonly per: number | undefined;

  constructor(
    private readonly assessor: RiskAssessor,
    private readonly revocation: SessionRevocation,
    private readonly events: AuthEventBus,
    private readonly users: BoundedUserProvider,
    private readonly clock: Clock,
  ) {
    this.per = assessor.rules.find((rule) => rule instanceof TooFrequent)?.per;
  }

  locate(client: ClientContext): Promise<LocatedClient> {
    return this.assessor.locate(client);
  }

  firstSeen(located: LocatedClient, now: number): SeenColumns {
    return firstSeen(located, now);
  }

  seenAgain(session: RefreshToken, located: LocatedClient, now: number, afresh: boolean): SeenColumns {
    return seenAgain(session, located, now, this.per, afresh);
  }

  /**
   * @param userId `undefined` if the credentials have not been checked yet
   * @param account what the event says about the account, if the user is not known
   * @throws AuthError `region_not_allowed` or `forbidden` if a rule denies the sign-in
   */
  async passSignIn(
    located: LocatedClient,
    userId: string | undefined,
    clientId: string | undefined,
    account: Pick<AuthEvent, 'account' | 'accountName'> = {},
  ): Promise<RiskRemark> {
    if (this.assessor.rules.length === 0) return NO_REMARK;
    const signals = signInSignals(located, this.clock.now(), userId, clientId);
    const assessment = await this.assessor.assess(signals);
    const { verdict } = assessment;
    if (verdict !== 'deny' && verdict !== 'revoke') return remarkOf(assessment);
    const refused = { userId, clientId, ...account, ...told(assessment), ...located.client };
    this.events.publish({ type: 'sign_in_failed', ...refused });
    throw refusal(assessment);
  }

  /**
   * @throws AuthError `step_up_required`, `region_not_allowed` or `forbidden`; the token is not consumed
   * @throws AuthError `invalid_grant` if a rule has ended the session, or if the user cannot step up and must sign in
   *   again
   */
  async pass(
    occasion: RiskOccasion,
    session: RefreshToken,
    located: LocatedClient,
    { findings, ...seen }: Pick<RiskSignals, 'deviceChanged' | 'keyProven'> & { findings: readonly Finding[] },
  ): Promise<RiskRemark> {
    if (this.assessor.rules.length === 0 && findings.length === 0) return NO_REMARK;
    const signals = signalsOf(occasion, session, located, this.clock.now(), this.per, seen);
    const assessment = await this.assessor.assess(signals, findings);
    const { verdict } = assessment;
    switch (verdict) {
      case 'allow':
      case 'alert':
        return occasion === 'step_up' ? NO_REMARK : remarkOf(assessment);
      case 'step_up':
        if (occasion === 'step_up') return NO_REMARK;
        this.publish('step_up_required', session, assessment, located.client, true);
        // Nobody can authenticate as the user there: the administrator begins another session.
        throw session.actor === null ? this.stepUpRequired(assessment) : mustSignIn();
      case 'deny':
        this.publish('refresh_denied', session, assessment, located.client);
        throw refusal(assessment);
      case 'revoke':
        throw await this.revoked(session, assessment, located.client);
    }
  }

  /** If the host cannot reauthenticate users, clients get the error that makes them sign in again. */
  private stepUpRequired({ reasons: [reason] }: Assessment): AuthError {
    if (this.users.canReauthenticate) return new AuthError('step_up_required');
    if (!this.unanswerable.has(reason)) {
      this.unanswerable.add(reason);
      this.logger.warn(
        `The rule ${reason} asks for a step-up, but userProvider has no reauthenticate(id, password). These users must sign in again.`,
      );
    }
    return mustSignIn();
  }

  private async revoked(session: RefreshToken, assessment: Assessment, client: ClientContext): Promise<AuthError> {
    const [reason] = assessment.reasons;
    const isReuse = reason === 'repeat_from_elsewhere';
    if (await this.revocation.end(session, isReuse ? 'reuse_detected' : reason, client)) {
      this.publish(isReuse ? 'reuse_detected' : 'refresh_denied', session, assessment, client, true);
    }
    return new AuthError('invalid_grant');
  }

  private publish(
    type: 'step_up_required' | 'refresh_denied' | 'reuse_detected',
    session: RefreshToken,
    assessment: Assessment,
    client: ClientContext,
    alert?: true,
  ): void {
    this.events.publish({ type, alert, ...eventIdsOf(session), ...told(assessment), ...client });
  }
}

function mustSignIn(): AuthError {
  return new AuthError('invalid_grant', undefined, { sessionLives: true });
}

function remarkOf(assessment: Assessment): RiskRemark {
  return assessment.verdict === 'allow' ? NO_REMARK : { alert: true, ...told(assessment) };
}

function told({ reasons }: Assessment): Pick<AuthEvent, 'reason' | 'reasons'> {
  return { reason: reasons[0], reasons };
}

function refusal({ reasons }: Assessment): AuthError {
  return new AuthError(reasons[0] === 'region_not_allowed' ? 'region_not_allowed' : 'forbidden');
}
