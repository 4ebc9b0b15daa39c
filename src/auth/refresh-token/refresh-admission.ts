import { Injectable } from '@nestjs/common';
import { SessionBindings } from '../binding/session-bindings.js';
import type { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import type { RevocationReason } from '../events/auth-event.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import { type RiskRemark, RiskStage } from '../risk/risk-stage.js';
import { differ } from '../risk/rules/changes.js';
import type { Finding } from '../risk/verdict.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { credentialsVersionOf } from '../user/credentials-version.js';
import { CurrentUsers } from '../user/current-users.js';
import type { AuthUser } from '../user/user-provider.js';
import { hasHash, haveCredentialsChanged } from './credentials.js';
import { Impersonators } from './impersonators.js';
import type { RefreshAttempt } from './refresh-attempt.js';
import { RefreshRefusal } from './refresh-refusal.js';
import type { AuthenticationColumns } from './terms-of-sign-in.js';

export type RefreshOccasion = 'refresh' | 'repeat' | 'late';

/** A refresh that is allowed to continue. */
export interface Admitted {
  readonly user: AuthUser;
  /** How the user has authenticated again, if the request is a step-up. */
  readonly authentication?: AuthenticationColumns;
  readonly remark: RiskRemark;
}

/**
 * Asks the risk rules and the host's `UserProvider` whether a refresh may continue. Runs before anything is written.
 */
@Injectable()
export class RefreshAdmission {
  constructor(
    private readonly risk: RiskStage,
    private readonly devices: DeviceRecognition,
    private readonly users: CurrentUsers,
    private readonly bindings: SessionBindings,
    private readonly revocation: SessionRevocation,
    private readonly refusal: RefreshRefusal,
    private readonly impersonators: Impersonators,
  ) {}

  /**
   * Resolves to `undefined` if the session has changed since it was read, so that it must be read again.
   *
   * @throws AuthError if a rule refuses the refresh, or if the user may no longer have a session
   */
  async admit(occasion: RefreshOccasion, attempt: RefreshAttempt): Promise<Admitted | undefined> {
    const { session, located, device, keyBound, reauthenticate } = attempt;
    const deviceChanged = device === 'changed';
    const findings = [
      deviceChanged ? this.deviceFinding() : undefined,
      occasion === 'late' ? abroad(attempt) : undefined,
    ];
    const remark = await this.risk.pass(reauthenticate ? 'step_up' : occasion, session, located, {
      deviceChanged,
      // A session whose binding failed does not get this far, so a key binding means a proven key.
      keyProven: keyBound,
      findings: findings.filter((finding) => finding !== undefined),
    });
    if (reauthenticate) return { ...(await reauthenticate(session, located.client)), remark };
    const user = await this.load(attempt);
    return user && { user, remark };
  }

  /**
   * Records the DPoP proof that came with the token as used. Does nothing if there is no proof.
   *
   * @throws AuthError `invalid_dpop_proof` if the proof has been used before
   */
  useProof({ session, evidence, located: { client } }: RefreshAttempt): Promise<void> {
    return this.bindings.assertFirstUse(session, evidence, { ...eventIdsOf(session), ...client });
  }

  private deviceFinding(): Finding | undefined {
    const { onMismatch } = this.devices;
    const isFinding = onMismatch === 'step_up' || onMismatch === 'revoke';
    return isFinding ? { reason: 'device_changed', verdict: onMismatch } : undefined;
  }

  private async load({ session, keys, located: { client } }: RefreshAttempt): Promise<AuthUser | undefined> {
    if (await this.impersonators.isGone(session)) throw await this.ended(session, 'impersonator_unavailable', client);
    const loaded = await this.users.load(session.userId, (user) => haveCredentialsChanged(session, keys, user));
    if (!loaded) throw await this.ended(session, 'user_unavailable', client);
    const { user, changed } = loaded;
    if (!changed) {
      if (hasHash(session) && credentialsVersionOf(user) === undefined) this.users.missVersion();
      return user;
    }
    if (!(await this.revocation.endUnchanged(session, 'credentials_changed', client))) return undefined;
    throw this.refusal.denied(session, 'credentials_changed', client);
  }

  private async ended(session: RefreshToken, reason: RevocationReason, client: ClientContext): Promise<AuthError> {
    await this.revocation.end(session, reason, client);
    return this.refusal.denied(session, reason, client);
  }
}

/** A late answer is refused in another country. In another network it is not: people travel between home and work. */
function abroad({ session, located: { geoIp } }: RefreshAttempt): Finding | undefined {
  return differ(geoIp?.country, session.country) ? { reason: 'late_answer_abroad', verdict: 'deny' } : undefined;
}
