import { Injectable } from '@nestjs/common';
import { subnetOf } from '../common/request/address.js';
import type { ClientContext } from '../common/request/client-context.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { RiskRemark } from '../risk/risk-stage.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { GivenUses } from './given-uses.js';
import { isNewerThanRow, type RefreshAttempt } from './refresh-attempt.js';
import type { Written } from './repeat-writer.js';
import { isLate, type Repeat } from './session-chain.js';

/** A client without claims raises an alert when it repeats in this number of successive generations. */
const MOST_REPEATED_IN_A_ROW = 3;

/** Tells of successful refreshes. */
@Injectable()
export class RefreshEvents {
  constructor(
    private readonly events: AuthEventBus,
    private readonly devices: DeviceRecognition,
    private readonly revocation: SessionRevocation,
    private readonly config: RefreshTokenConfig,
  ) {}

  rotated(rotated: RefreshToken, attempt: RefreshAttempt, remark: RiskRemark): void {
    const adopted = isNewerThanRow(attempt);
    this.succeeded('refreshed', rotated, attempt, adopted ? { ...remark, ...ROW_ROLLED_BACK } : remark);
    this.revocation.floorRaised(attempt.session, rotated);
    if (adopted) this.events.publish({ type: 'row_rolled_back', alert: true, count: 1 });
    if (rotated.keyId === attempt.session.keyId) return;
    this.events.publish({ type: 'key_rotated', ...eventOf(rotated, attempt) });
  }

  repeated(repeat: Repeat, written: Written, attempt: RefreshAttempt, remark: RiskRemark): void {
    const reasons = [...this.reasonsOf(repeat, written, attempt), ...(remark.reasons ?? [])];
    const alert = remark.alert || reasons.some((reason) => reason !== 'late_retry') || undefined;
    const told = reasons.length > 0 ? { alert, reason: reasons[0], reasons } : remark;
    this.succeeded('refresh_repeated', written.row, attempt, told);
  }

  private reasonsOf(repeat: Repeat, { row, isFirst }: Written, attempt: RefreshAttempt): string[] {
    const { session, located, judged, keyBound, sameDevice } = attempt;
    const reasons: string[] = [];
    if (isLate(repeat)) reasons.push(repeat.action === 'late' ? 'late_answer' : 'late_retry');
    if (!keyBound && !sameDevice && this.config.onRepeatFromOtherDevice === 'alert') reasons.push('other_device');
    if (!keyBound && !judged.claims && isElsewhere(session, located.client)) reasons.push('other_network_and_agent');
    if (!isFirst) return reasons;
    const counted = !keyBound && row.repeatedGeneration !== session.repeatedGeneration;
    if (counted && row.repeatedInARow === MOST_REPEATED_IN_A_ROW) reasons.push('repeated_in_a_row');
    if (GivenUses.hasOverflowed(row.given) && !GivenUses.hasOverflowed(session.given)) reasons.push('uses_overflowed');
    return reasons;
  }

  private succeeded(
    type: 'refreshed' | 'refresh_repeated',
    seen: RefreshToken,
    attempt: RefreshAttempt,
    remark: RiskRemark,
  ): void {
    const event = eventOf(seen, attempt);
    this.events.publish({ type: attempt.reauthenticate ? 'step_up_passed' : type, ...remark, ...event });
    if (attempt.device !== 'changed') return;
    const alert = this.devices.onMismatch === 'alert' ? true : undefined;
    this.events.publish({ type: 'device_changed', alert, ...event });
  }
}

const ROW_ROLLED_BACK = { reason: 'row_rolled_back' };

/** No honest client changes both within seconds. */
function isElsewhere(session: RefreshToken, client: ClientContext): boolean {
  if (!session.ip || !client.ip || !session.userAgent) return false;
  return subnetOf(session.ip) !== subnetOf(client.ip) && session.userAgent !== client.userAgent;
}

function eventOf(session: RefreshToken, { located }: RefreshAttempt) {
  return { ...eventIdsOf(session), ...located.client };
}
