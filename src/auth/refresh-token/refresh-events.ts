import { Injectable } from '@nestjs/common';
import { DeviceRecognition } from '../device/device-recognition.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RiskRemark } from '../risk/risk-stage.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import type { RefreshAttempt } from './refresh-attempt.js';

/** Publishes the events of successful refreshes. */
@Injectable()
export class RefreshEvents {
  constructor(
    private readonly events: AuthEventBus,
    private readonly devices: DeviceRecognition,
  ) {}

  rotated(rotated: RefreshToken, attempt: RefreshAttempt, remark: RiskRemark): void {
    this.succeeded('refreshed', rotated, attempt, remark);
    if (rotated.keyId === attempt.session.keyId) return;
    this.events.publish({ type: 'key_rotated', ...eventOf(rotated, attempt) });
  }

  repeated(seen: RefreshToken, attempt: RefreshAttempt, remark: RiskRemark): void {
    this.succeeded('refresh_repeated', seen, attempt, remark);
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

function eventOf({ id: sessionId, userId, clientId, generation }: RefreshToken, { located }: RefreshAttempt) {
  return { sessionId, userId, clientId, generation, ...located.client };
}
